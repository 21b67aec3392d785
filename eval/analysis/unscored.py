"""Metrics that apply to no pair of a run."""

from __future__ import annotations

import pandas as pd

from eval.runs.cards import MetricCards


def split_unscored(scores: pd.DataFrame, metrics: MetricCards) -> tuple[MetricCards, list[str]]:
    """Return the metrics with a score, and a line for each reason why others that were measured have none.

    Args:
        scores: of a run, see :func:`eval.engine.score_pair.score_shard`.
        metrics: the cards of the scores.
    """
    there = set(scores.dropna(subset="score")["metric"])
    without = scores[~scores["metric"].isin(there)].drop_duplicates("metric")
    lines = [
        f"Without any score, so left out: {', '.join(map(metrics.heading, names))} ({reason or 'no reason given'})"
        for reason, names in without.groupby("reason")["metric"]
    ]
    return metrics.only(name for name in scores["metric"].unique() if name in there), lines
