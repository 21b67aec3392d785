"""The study's statistics: preferences with intervals for raters and images at once, sides, and agreement.

The estimand of a preference is the probability that a rater drawn from the population of raters prefers the one method
to the other, on a source image drawn from the population of images (a tie counts half). Answers of one rater are not
independent of each other, nor are answers about one image, so a binomial interval is far too narrow for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from eval.analysis.stats import effective_answers, wilson_interval


class Preference(NamedTuple):
    """Share of answers that prefer one method to another, with intervals.

    Attributes:
        share: of the answers, in [0, 1]; a tie counts half.
        low: lower end of the two-way clustered interval; NaN with fewer than two raters or images.
        high: upper end.
        wilson_low: lower end of the Wilson interval, which treats all answers as independent (as papers do).
        wilson_high: upper end.
        p: two-sided p-value for a share of one half, from the same variance as ``low`` and ``high``.
        effective: number of independent answers with the same precision; at most ``answers``.
        answers: number of answers.
        raters: number of raters.
        images: number of source images.
    """

    share: float
    low: float
    high: float
    wilson_low: float
    wilson_high: float
    p: float
    effective: float
    answers: int
    raters: int
    images: int


def preference(wins: Sequence[float], raters: Sequence[str], images: Sequence[str], level: float = 0.95) -> Preference:
    """Return the preference with its primary, two-way clustered interval, and Wilson's beside it.

    The variance is the sum of the one clustered by rater and the one clustered by source image less that of their
    intersection (Cameron, Gelbach & Miller 2011, "Robust Inference with Multiway Clustering", equation 2.7, each with
    its G/(G − 1)), and at least each of the first two. The answers have the precision of
    share · (1 − share) / variance independent ones; the interval is Wilson's for that many, with the t quantile of the
    smaller number of clusters less one, so it stays within [0, 1]. It exists even if all answers agree, which count as
    one independent answer for each rater or image, whichever are fewer.

    Args:
        wins: 1 (preferred), 0 (the other one preferred) or 0.5 (tie), one an answer.
        raters: the rater of each answer.
        images: the source image of each answer.
        level: of the intervals.

    Raises:
        ValueError: there are no answers.
    """
    y = np.asarray(wins, dtype=float)
    n = len(y)
    if not n:
        raise ValueError("a preference needs at least one answer")
    share = float(y.mean())
    rater, image = pd.factorize(np.asarray(raters))[0], pd.factorize(np.asarray(images))[0]
    n_raters, n_images = int(rater.max()) + 1, int(image.max()) + 1
    wilson = wilson_interval(share, n, float(stats.norm.ppf((1 + level) / 2)))
    fewest = min(n_raters, n_images)
    if fewest < 2:
        nan = math.nan
        return Preference(share, nan, nan, *wilson, nan, nan, n, n_raters, n_images)
    effective = effective_answers(share, two_way_variance(y - share, rater, image), n, fewest)
    interval = wilson_interval(share, effective, float(stats.t.ppf((1 + level) / 2, fewest - 1)))
    p = float(2 * stats.t.sf(abs(share - 0.5) / math.sqrt(0.25 / effective), fewest - 1))
    return Preference(share, *interval, *wilson, p, effective, n, n_raters, n_images)


def two_way_variance(residuals: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """Return the variance of a mean whose answers depend on each other within either of two groupings.

    Args:
        residuals: (n,) from the mean.
        first: (n,) cluster numbers from 0.
        second: (n,) cluster numbers from 0, in the other grouping.
    """
    both = pd.factorize(first.astype(np.int64) * (int(second.max()) + 1) + second)[0]
    one, two, cross = (_one_way_variance(residuals, clusters) for clusters in (first, second, both))
    return max(one + two - cross, one, two)


def _one_way_variance(residuals: np.ndarray, clusters: np.ndarray) -> float:
    sums = np.bincount(clusters, residuals)
    return float(len(sums) / (len(sums) - 1) * (sums**2).sum() / len(residuals) ** 2)


def krippendorff_alpha(units: Sequence[str], choices: Sequence[str]) -> float:
    """Return Krippendorff's α for nominal choices: 1 if all agree on every unit, 0 for chance.

    Units with one answer do not count. NaN if no unit has two answers, or if all answers are the same choice.
    Source: Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section C.

    Args:
        units: the unit of each answer.
        choices: the choice of each answer.
    """
    counts = pd.crosstab(np.asarray(units), np.asarray(choices)).to_numpy(float) if len(units) else np.zeros((0, 1))
    counts = counts[counts.sum(axis=1) > 1]
    answers = counts.sum(axis=1)
    total, margins = answers.sum(), counts.sum(axis=0)
    expected = (total**2 - (margins**2).sum()) / (total - 1) if total else 0.0
    if expected == 0:
        return math.nan
    observed = ((answers**2 - (counts**2).sum(axis=1)) / (answers - 1)).sum()
    return float(1 - observed / expected)
