"""Means and differences of methods, with intervals and tests that respect what is not independent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats


class Interval(NamedTuple):
    """A mean and its confidence interval; the ends are NaN where there are fewer than two clusters or a value is infinite."""

    mean: float
    low: float
    high: float


class Difference(NamedTuple):
    """How much more a method scores than another on the same pairs.

    Attributes:
        mean, low, high: of the differences, as in :class:`Interval`.
        p: two-sided, of :func:`sign_flip_test`; NaN where the interval's ends are.
    """

    mean: float
    low: float
    high: float
    p: float


def clustered_mean(values: Sequence[float], clusters: Sequence[str], level: float = 0.95) -> Interval:
    """The mean of ``values`` with a cluster-robust t interval.

    Values that share a cluster (edits of one source image) may be dependent in any way; clusters are independent. The
    variance is the sum over clusters of squared sums of residuals, times G/(G − 1), over n²; t has G − 1 degrees of
    freedom (Cameron & Miller 2015, "A Practitioner's Guide to Cluster-Robust Inference", sections II.B and VI).
    """
    y = np.asarray(values, dtype=float)
    mean = float(y.mean())
    if not np.isfinite(mean):  # such as the PSNR of an image that is its input
        return Interval(mean, float("nan"), float("nan"))
    sums = _sums(y - mean, clusters)
    groups = len(sums)
    if groups < 2:
        return Interval(mean, float("nan"), float("nan"))
    error = np.sqrt(groups / (groups - 1) * (sums**2).sum()) / len(y)
    reach = float(stats.t.ppf((1 + level) / 2, groups - 1) * error)
    return Interval(mean, mean - reach, mean + reach)


def paired_difference(
    values: Sequence[float], others: Sequence[float], clusters: Sequence[str], level: float = 0.95
) -> Difference:
    """The mean of ``values − others``, with its clustered interval and the test of no difference.

    Args:
        values, others: of the same pairs in the same order, one value a pair.
        clusters: which pairs are not independent (edits of one source image).
        level: of the interval.
    """
    with np.errstate(invalid="ignore"):  # of two infinite values the difference is none
        differences = np.asarray(values, dtype=float) - np.asarray(others, dtype=float)
    return Difference(*clustered_mean(differences.tolist(), clusters, level), sign_flip_test(differences, clusters))


def sign_flip_test(
    differences: Sequence[float] | np.ndarray, clusters: Sequence[str], resamples: int = 9999, seed: int = 0
) -> float:
    """The two-sided p-value of a permutation test that the two methods of a paired comparison are exchangeable.

    The methods change places in all pairs of a source image at once, for what pairs of one image share would stay with
    a method as it does in the data; the statistic is the mean difference over pairs. With few clusters every exchange
    is tried (then p is at least 2/2^G), else ``resamples`` random ones (Winkler et al. 2015, "Multi-level block
    permutation", have the same exchange of whole blocks).
    """
    sums = _sums(np.asarray(differences, dtype=float), clusters)
    if len(sums) < 2 or not np.isfinite(sums).all():
        return math.nan
    found = stats.permutation_test(
        (sums,),
        lambda x, axis: x.sum(axis=axis),
        permutation_type="samples",
        n_resamples=resamples,
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    return float(found.pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for their number (Holm 1979): all below a level are significant together at that level.

    A NaN stays one and does not count.
    """
    from statsmodels.stats.multitest import multipletests

    p = np.asarray(p_values, dtype=float)
    there = ~np.isnan(p)
    if there.any():
        p[there] = multipletests(p[there], method="holm")[1]
    return p.tolist()


def _sums(values: np.ndarray, clusters: Sequence[str]) -> np.ndarray:
    """The sum of each cluster's values, (G,)."""
    _, index = np.unique(np.asarray(clusters), return_inverse=True)
    return np.bincount(index, weights=values)
