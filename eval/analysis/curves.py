"""The numbers of the paper's Figure 9: each metric along the strength, mean over pairs with 95% intervals."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from eval.analysis.stats import clustered_mean
from eval.runs.cards import MetricCards
from eval.runs.folder import Run

CURVE_COLUMNS = (
    "method",
    "axis",
    "strength",
    "metric",
    "mean",
    "ci_low",
    "ci_high",
    "n_pairs",
    "n_images",
    "n_expected",
)
REGION_COLUMNS = ("region_low", "region_high", "region_rule")
REGION_RULE = "both means above the worst third of their range"


def curve_table(run: Run, pair_ids: Sequence[str] | None = None) -> pd.DataFrame:
    """Return one row for each strength and metric: the mean over pairs of each pair's mean over seeds.

    Intervals are 95%, clustered by source image, and cut at the bounds of the metric. ``n_pairs`` and ``n_images`` are the
    sizes of the mean's data, ``n_expected`` is the number of images there should be. NaN scores (metric not applicable)
    are excluded from the mean.

    Args:
        run: with scores.
        pair_ids: the pairs of the table; None for all that the run has, of those that it should have.
    """
    samples = run.samples()
    scores, cards = run.scores(), run.metrics
    if pair_ids is not None:
        return curve_rows(samples, scores, pair_ids, run.labels, cards)
    return curve_rows(samples, scores, list(samples["pair_id"].unique()), run.labels, cards, run.expected_pairs)


def curve_rows(
    samples: pd.DataFrame,
    scores: pd.DataFrame,
    pair_ids: Collection[str],
    labels: Mapping[str, str],
    metrics: MetricCards,
    n_expected: int | None = None,
) -> pd.DataFrame:
    """Return the table of :func:`curve_table` from a run's samples and raw scores.

    Args:
        samples, scores: see :mod:`eval.runs.folder`.
        pair_ids: the pairs of the table.
        labels: the columns ``method`` and ``axis``.
        metrics: the cards of the scores.
        n_expected: number of pairs there should be; all of ``pair_ids`` by default.

    Raises:
        UserError: a metric has no card.
    """
    pairs_expected = len(pair_ids) if n_expected is None else n_expected
    samples = samples[samples["pair_id"].isin(pair_ids)]
    keys = ["pair_id", "strength", "seed"]
    scores = scores.dropna(subset="score").merge(samples[[*keys, "source_group"]], on=keys)
    seeds = samples.groupby("strength")["seed"].nunique()
    rows = []
    for (metric, strength), group in scores.groupby(["metric", "strength"]):
        card = metrics[str(metric)]
        pairs = (
            group.assign(value=card.shown_score(group["score"]))
            .groupby("pair_id")
            .agg(value=("value", "mean"), cluster=("source_group", "first"))
        )
        values, clusters = pairs["value"].tolist(), pairs["cluster"].tolist()
        interval = clustered_mean(values, clusters, share=card.share).within(card.shown_bounds)
        counts = {"n_pairs": len(pairs), "n_images": len(group), "n_expected": pairs_expected * int(seeds[strength])}
        ends = {"mean": interval.mean, "ci_low": interval.low, "ci_high": interval.high}
        rows.append({**labels, "strength": strength, "metric": card.shown, **ends, **counts})
    table = pd.DataFrame(rows, columns=list(CURVE_COLUMNS)).sort_values(["metric", "strength"], ignore_index=True)
    return table.astype(dict.fromkeys(("strength", "mean", "ci_low", "ci_high"), float))  # also where it is empty


def of_most_pairs(table: pd.DataFrame) -> tuple[pd.DataFrame, list[float]]:
    """Return the rows of the strengths that most pairs have (:func:`most_common`), and the other strengths.

    Means of the others are of other pairs, as a command with fewer pairs leaves them: they belong to no curve.

    Args:
        table: the curve table of one method.
    """
    whole = table["strength"].isin(most_common(table.groupby("strength")["n_pairs"].max()))
    return table[whole], sorted(table.loc[~whole, "strength"].unique())


def most_common(pairs: pd.Series) -> pd.Index:
    """Return the index of the numbers that are at least half of the largest: a few pairs may lack a strength or a seed."""
    return pairs.index[pairs >= pairs.max() / 2]


def region(table: pd.DataFrame, alignment: str | None, fidelity: str | None) -> tuple[float, float] | None:
    """Return the strengths to highlight, which the paper chooses by eye, by the rule :data:`REGION_RULE`.

    Each of the two means must lie above its worst value by a third of the way to its best one, over the strengths of
    the table and linearly between them. Of several stretches the longest is taken, or the weakest of equally long ones.

    Args:
        table: the curve table of one method.
        alignment, fidelity: the metrics' names as shown.

    Returns:
        The ends; None if no strength fulfils the rule, a mean is constant, or there is one strength only.
    """
    inside: np.ndarray | None = None
    for name in (alignment, fidelity):
        rows = table[(table["metric"] == name) & np.isfinite(table["mean"])].sort_values("strength")
        if rows["strength"].nunique() < 2 or rows["mean"].min() == rows["mean"].max():
            return None
        fine = np.linspace(table["strength"].min(), table["strength"].max(), 1001)
        means = np.interp(fine, rows["strength"], rows["mean"])
        above = means >= rows["mean"].min() + (rows["mean"].max() - rows["mean"].min()) / 3
        inside = above if inside is None else inside & above
    assert inside is not None
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(int), [0]])))
    stretches = list(zip(edges[::2], edges[1::2] - 1, strict=True))
    if not stretches:
        return None
    first, last = max(stretches, key=lambda ends: ends[1] - ends[0])
    return float(fine[first]), float(fine[last])


def with_region(table: pd.DataFrame, alignment: str | None, fidelity: str | None) -> pd.DataFrame:
    """Add the columns :data:`REGION_COLUMNS` to one method's table; the ends are empty if nothing is highlighted."""
    low, high = region(of_most_pairs(table)[0], alignment, fidelity) or (np.nan, np.nan)
    return table.assign(region_low=low, region_high=high, region_rule=REGION_RULE)
