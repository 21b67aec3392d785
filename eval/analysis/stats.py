"""Means and differences of methods, with intervals and tests that account for dependent values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import optimize, stats


class Interval(NamedTuple):
    """A mean and its confidence interval; the ends are NaN with fewer than two clusters or an infinite value."""

    mean: float
    low: float
    high: float

    def within(self, bounds: tuple[float | None, float | None]) -> Interval:
        """Return the interval cut at a score's minimum and maximum, such as LPIPS at 0; None is no bound."""
        least, most = bounds
        low = self.low if least is None else max(self.low, min(least, self.mean))
        return Interval(self.mean, low, self.high if most is None else min(self.high, max(most, self.mean)))


class Difference(NamedTuple):
    """Mean difference of two methods' scores on the same pairs.

    Attributes:
        mean, low, high: of the differences, as in :class:`Interval`.
        p: two-sided, of :func:`sign_flip_test`; NaN if the interval's ends are.
    """

    mean: float
    low: float
    high: float
    p: float


def clustered_mean(
    values: Sequence[float], clusters: Sequence[str], level: float = 0.95, *, share: bool = False
) -> Interval:
    """Return the mean of ``values`` with a cluster-robust t interval; for shares see :func:`clustered_share`.

    Values that share a cluster (edits of one source image) may be dependent in any way; clusters are independent. The
    variance is the sum over clusters of squared sums of residuals, times G/(G − 1), over n²; t has G − 1 degrees of
    freedom (Cameron & Miller 2015, "A Practitioner's Guide to Cluster-Robust Inference", sections II.B and VI).
    """
    if share:
        return clustered_share(values, clusters, level)
    y = np.asarray(values, dtype=float)
    mean = float(y.mean())
    if not np.isfinite(mean):  # such as the PSNR of an image that is its input
        return Interval(mean, float("nan"), float("nan"))
    groups = len(set(clusters))
    if groups < 2:
        return Interval(mean, float("nan"), float("nan"))
    reach = _quantile(level, groups) * math.sqrt(cluster_variance(y - mean, clusters))
    return Interval(mean, mean - reach, mean + reach)


def clustered_share(values: Sequence[float], clusters: Sequence[str], level: float = 0.95) -> Interval:
    """Return the mean of answers in [0, 1] with an interval within [0, 1] that has width at 0 of n and at n of n.

    It is Wilson's for the number of independent answers with the same precision (:func:`effective_answers`, with the
    variance of :func:`clustered_mean`) and the t quantile of the clusters less one; Korn & Graubard 1998, "Confidence
    intervals for proportions with small expected number of positive counts estimated from survey data", do the same
    with the binomial distribution's interval. A pair's mean over seeds counts as one answer.
    """
    y = np.asarray(values, dtype=float)
    mean, groups = float(y.mean()), len(set(clusters))
    if groups < 2:
        return Interval(mean, float("nan"), float("nan"))
    n = effective_answers(mean, cluster_variance(y - mean, clusters), len(y), groups)
    return Interval(mean, *wilson_interval(mean, n, _quantile(level, groups)))


def effective_answers(share: float, variance: float, answers: int, fewest: int) -> float:
    """Return the number of independent answers with the same variance; at most ``answers``.

    Args:
        share: of the answers.
        variance: of the share.
        answers: number of answers.
        fewest: the result if all answers agree, and the variance is not known: the number of clusters.
    """
    if share in (0.0, 1.0):
        return float(fewest)
    return min(float(answers), share * (1 - share) / variance) if variance > 0 else float(answers)


def wilson_interval(share: float, n: float, quantile: float) -> tuple[float, float]:
    """Return Wilson's score interval (1927) of a share of ``n`` independent answers, ``n`` not necessarily whole."""
    square = quantile**2 / n
    center = (share + square / 2) / (1 + square)
    reach = quantile / math.sqrt(n) * math.sqrt(share * (1 - share) + square / 4) / (1 + square)
    return max(0.0, center - reach), min(1.0, center + reach)


def cluster_variance(residuals: np.ndarray, clusters: Sequence[str] | np.ndarray) -> float:
    """Return the variance of a mean whose values depend on each other within clusters, of which there are at least two.

    Args:
        residuals: (n,) from the mean.
        clusters: (n,).
    """
    sums = _sums(residuals, clusters)
    return float(len(sums) / (len(sums) - 1) * (sums**2).sum() / len(residuals) ** 2)


def paired_difference(
    values: Sequence[float],
    others: Sequence[float],
    clusters: Sequence[str],
    level: float = 0.95,
    *,
    share: bool = False,
) -> Difference:
    """Return the mean of ``values − others``, with its clustered interval and the test of no difference.

    Args:
        values, others: of the same pairs in the same order, one value a pair.
        clusters: names of the source images; pairs with the same name are dependent.
        level: of the interval.
        share: True if both are answers in [0, 1]; the interval is then that of :func:`share_difference`.
    """
    with np.errstate(invalid="ignore"):  # the difference of two infinite values is NaN
        differences = np.asarray(values, dtype=float) - np.asarray(others, dtype=float)
    interval = share_difference if share else clustered_mean
    return Difference(*interval(differences.tolist(), clusters, level), sign_flip_test(differences, clusters))


def share_difference(differences: Sequence[float], clusters: Sequence[str], level: float = 0.95) -> Interval:
    """Return the mean of differences of answers, each in [−1, 1], with an interval in that range that always has width.

    It is the score interval of a paired difference of proportions (Tango 1998, "Equivalence test and confidence
    interval for the difference in proportions for the paired-sample design") for the number of independent pairs with
    the same precision (at most the given ones; one for each cluster if all differences are equal), with the t quantile
    of the clusters less one. It needs the mean and the mean square alone, which for −1, 0 and 1 are the counts of
    Tango's table; so it applies to differences of means over seeds too.
    """
    d = np.asarray(differences, dtype=float)
    mean, square, groups = float(d.mean()), float((d**2).mean()), len(set(clusters))
    if groups < 2:
        return Interval(mean, float("nan"), float("nan"))
    variance = cluster_variance(d - mean, clusters)
    if np.ptp(d) == 0:
        n = float(groups)
    else:
        n = min(float(len(d)), float(d.var()) / variance) if variance > 0 else float(len(d))
    return Interval(mean, *_tango_interval(mean, square, n, _quantile(level, groups)))


def _tango_interval(mean: float, square: float, n: float, quantile: float) -> tuple[float, float]:
    """Return the differences that the score test does not reject.

    Under a difference δ the share q of pairs with −1 is estimated by maximum likelihood, and the mean less δ is
    compared with its standard error √((2q + δ(1 − δ)) / n).
    """
    minus = (square - mean) / 2

    def excess(delta: float) -> float:
        """Return by how many standard errors the mean is above δ."""
        b, c = (2 - mean) * delta - square, -minus * delta * (1 - delta)
        q = max((math.sqrt(max(b * b - 8 * c, 0.0)) - b) / 4, 0.0)
        error = math.sqrt(max(2 * q + delta * (1 - delta), 0.0) / n)
        if delta == mean:
            return 0.0
        return (mean - delta) / error if error > 0 else math.copysign(math.inf, mean - delta)

    far = 2 * quantile
    low = optimize.brentq(lambda delta: min(excess(delta), far) - quantile, -1, mean) if mean > -1 else -1.0
    high = optimize.brentq(lambda delta: max(excess(delta), -far) + quantile, mean, 1) if mean < 1 else 1.0
    return low, high


def sign_flip_test(
    differences: Sequence[float] | np.ndarray, clusters: Sequence[str], resamples: int = 9999, seed: int = 0
) -> float:
    """Return the two-sided p-value of a permutation test that the two methods of a paired comparison are exchangeable.

    The methods are exchanged in all pairs of a source image at once, because effects that pairs of one image share
    belong to the method in the data; the statistic is the mean difference over pairs. With few clusters every exchange
    is tried (then p is at least 2/2^G), otherwise ``resamples`` random ones (Winkler et al. 2015, "Multi-level block
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
    """Return p-values adjusted for their number (Holm 1979): all below a level are significant together at that level.

    NaN stays NaN and does not count.
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]  # NaN comes last
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1)
    return adjusted.tolist()


@cache
def _quantile(level: float, groups: int) -> float:
    """Return the half-width of an interval in standard errors, for a mean of ``groups`` clusters."""
    return float(stats.t.ppf((1 + level) / 2, groups - 1))


def _sums(values: np.ndarray, clusters: Sequence[str] | np.ndarray) -> np.ndarray:
    """Return the sum of each cluster's values, (G,)."""
    _, index = np.unique(np.asarray(clusters), return_inverse=True)
    return np.bincount(index, weights=values)
