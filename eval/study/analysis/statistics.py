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
    """How often one method was preferred to another.

    Attributes:
        share: of the answers, in [0, 1]; a tie counts half.
        low: lower end of the two-way clustered interval; NaN with fewer than two raters or images.
        high: upper end.
        wilson_low: lower end of the Wilson interval, which takes all answers for independent (as papers do).
        wilson_high: upper end.
        p: two-sided, of the share being one half, from the same variance as ``low`` and ``high``.
        effective: how many independent answers would be as precise; at most ``answers``.
        answers: how many there are; likewise ``raters`` and ``images``.
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
    """The preference with its primary, two-way clustered interval, and Wilson's beside it.

    The variance is the sum of the one clustered by rater and the one clustered by source image less that of their
    intersection (Cameron, Gelbach & Miller 2011, "Robust Inference with Multiway Clustering", equation 2.7, each with
    its G/(G − 1)), and at least each of the first two. The answers have the precision of
    share · (1 − share) / variance independent ones; the interval is Wilson's for that many, with the t quantile of the
    smaller number of clusters less one, so it stays within [0, 1] and exists where all answers agree, which is taken
    for one independent answer a rater or image, whichever are fewer.

    Args:
        wins: 1 (preferred), 0 (the other one preferred) or 0.5 (tie), one an answer.
        raters: who gave each.
        images: the source image that each is about.
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
    """The variance of a mean whose answers depend on each other within either of two groupings.

    Args:
        residuals: (n,) from the mean.
        first: (n,) cluster numbers from 0.
        second: (n,) likewise.
    """
    both = pd.factorize(first.astype(np.int64) * (int(second.max()) + 1) + second)[0]
    one, two, cross = (_one_way_variance(residuals, clusters) for clusters in (first, second, both))
    return max(one + two - cross, one, two)


def _one_way_variance(residuals: np.ndarray, clusters: np.ndarray) -> float:
    sums = np.bincount(clusters, residuals)
    return float(len(sums) / (len(sums) - 1) * (sums**2).sum() / len(residuals) ** 2)


def krippendorff_alpha(units: Sequence[str], choices: Sequence[str]) -> float:
    """Krippendorff's α for nominal choices: 1 where all agree on every unit, 0 for chance.

    Units with one answer say nothing of agreement and are left out. NaN where no unit has two answers, or where all
    answers are the same choice.

    Args:
        units: what each answer is about.
        choices: what was chosen there.

    Source: Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section C.
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
