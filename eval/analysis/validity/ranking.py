"""Ranking of images by a score: Spearman's correlation and AUC, with intervals clustered by source image."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from eval.analysis.stats import Interval, clustered_share
from eval.analysis.validity.scores import Score

ALL = "all"
"""The category of every pair; also the run's name if runs are taken together."""

GOOD = 0.5
"""The smallest mean judgement of a good image."""


def auc(scores: np.ndarray, good: np.ndarray) -> float:
    """Return how often a good image scores higher than a bad one, ties counted half; NaN without both kinds.

    Args:
        scores: (N,).
        good: (N,) bool.
    """
    n_good = int(good.sum())
    n_bad = len(good) - n_good
    if not n_good or not n_bad:
        return math.nan
    return float((stats.rankdata(scores)[good].sum() - n_good * (n_good + 1) / 2) / (n_good * n_bad))


def spearman(scores: np.ndarray, good: np.ndarray) -> float:
    """Return Spearman's rank correlation, ties at their mean rank; NaN if one of the two does not vary."""
    ranks = stats.rankdata(scores), stats.rankdata(good)
    return math.nan if any(np.ptp(r) == 0 for r in ranks) else float(np.corrcoef(*ranks)[0, 1])


def auc_same_strength(scores: np.ndarray, good: np.ndarray, strata: np.ndarray) -> float:
    """Return the :func:`auc` of images that share a stratum, over all such pairs of images; NaN if there are none.

    Args:
        scores: (N,).
        good: (N,) bool.
        strata: (N,), run and strength of each image.
    """
    wins, total = 0.0, 0
    for stratum in np.unique(strata):
        inside = strata == stratum
        n_good = int(good[inside].sum())
        if weight := n_good * (int(inside.sum()) - n_good):
            wins, total = wins + weight * auc(scores[inside], good[inside]), total + weight
    return wins / total if total else math.nan


def jackknife(
    statistic: Callable[[np.ndarray], float], clusters: Sequence[str] | np.ndarray, level: float = 0.95
) -> Interval:
    """Return a statistic of all images, with the interval of the jackknife that leaves out one cluster at a time.

    Values that share a cluster may be dependent in any way; t has G − 1 degrees of freedom (Cameron & Miller 2015, "A
    Practitioner's Guide to Cluster-Robust Inference", section VI). The ends are NaN with fewer than three clusters, and
    if the statistic is undefined without one of them.

    Args:
        statistic: of the images that a mask, (N,) bool, selects.
        clusters: (N,).
        level: of the interval.
    """
    names, index = np.unique(np.asarray(clusters), return_inverse=True)
    value, count = statistic(np.ones(len(index), dtype=bool)), len(names)
    without = np.array([statistic(index != k) for k in range(count)])
    if count < 3 or not np.isfinite([value, *without]).all():
        return Interval(value, math.nan, math.nan)
    error = math.sqrt((count - 1) / count * np.square(without - without.mean()).sum())
    reach = float(stats.t.ppf((1 + level) / 2, count - 1)) * error
    return Interval(value, value - reach, value + reach)


def auc_same_pair(images: pd.DataFrame, score: str, question: str = "good") -> Interval:
    """Return the mean over pairs of :func:`auc` among each pair's images of a run; pairs without both kinds are left out.

    A share of comparisons: the interval stays within [0, 1].
    """
    values, clusters = [], []
    for _, rows in images.groupby(["run", "pair_id"]):
        value = auc(rows[score].to_numpy(), rows[question].to_numpy() >= GOOD)
        if not math.isnan(value):
            values.append(value)
            clusters.append(rows["source_group"].iloc[0])
    return clustered_share(values, clusters) if values else Interval(math.nan, math.nan, math.nan)


MEASURES = {
    "auc": "all images",
    "auc_same_strength": "images of the same strength",
    "auc_same_pair": "images of the same pair",
}
"""Sets of good and bad images that AUC compares, by measure."""


def rankings(images: pd.DataFrame, scores: Sequence[Score], questions: Sequence[str]) -> pd.DataFrame:
    """Return one row for each run (and all together), category (and all), question, score and measure.

    Measures are :data:`MEASURES` and ``spearman`` over all images. Questions other than ``good`` are computed over all
    categories together only. ``n_pairs`` and ``n_images`` are the sizes of a row's data, ``n_yes`` is the number of
    images whose answer is yes, ``n_mixed`` the number of pairs of a run with images of both answers.
    """
    rows: list[dict[str, object]] = []
    names = list(images["run"].unique())
    for run in [*names, *([ALL] if len(names) > 1 else [])]:
        of_run = images if run == ALL else images[images["run"] == run]
        for category in (ALL, *sorted(of_run["category"].unique())):
            group = of_run if category == ALL else of_run[of_run["category"] == category]
            for question in ("good", *(questions if category == ALL else ())):
                label = {"run": run, "category": category, "question": question}
                rows += [{**label, **row} for row in _rankings(group, scores, question)]
    return pd.DataFrame(rows)


def _rankings(images: pd.DataFrame, scores: Sequence[Score], question: str) -> Iterator[dict[str, object]]:
    answers, clusters = images[question].to_numpy(), images["source_group"].to_numpy()
    yes = answers >= GOOD
    strata = images.groupby(["run", "strength"]).ngroup().to_numpy()
    shares = (images[question] >= GOOD).groupby([images["run"], images["pair_id"]]).mean()
    counts = {
        "n_pairs": images["pair_id"].nunique(),
        "n_images": len(images),
        "n_yes": int(yes.sum()),
        "n_mixed": int(((shares > 0) & (shares < 1)).sum()),
    }
    for score in scores:
        x = images[score.name].to_numpy()
        found = {
            "auc": jackknife(lambda left, x=x: auc(x[left], yes[left]), clusters),  # type: ignore[misc]
            "spearman": jackknife(lambda left, x=x: spearman(x[left], answers[left]), clusters),  # type: ignore[misc]
            "auc_same_pair": auc_same_pair(images, score.name, question),
        }
        if score.kind != "baseline":  # the baseline is constant among images of one strength
            same = lambda left, x=x: auc_same_strength(x[left], yes[left], strata[left])
            found["auc_same_strength"] = jackknife(same, clusters)
        for measure, (value, low, high) in found.items():
            label = {"score": score.name, "kind": score.kind, "measure": measure}
            yield {**label, "value": value, "ci_low": low, "ci_high": high, **counts}
