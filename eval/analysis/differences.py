"""Methods compared pair by pair: every difference with its interval, its test, and Holm's correction."""

from __future__ import annotations

import math
from itertools import combinations

import pandas as pd

from eval.analysis.stats import holm, paired_difference
from eval.runs.cards import MetricCards

DIFFERENCE_COLUMNS = (
    "method",
    "other",
    "metric",
    "difference",
    "ci_low",
    "ci_high",
    "p",
    "p_holm",
    "n_pairs",
    "n_source_images",
)


def differences(scores: dict[str, pd.DataFrame], metrics: MetricCards) -> pd.DataFrame:
    """Return a row for each two methods and metric, in the methods' order.

    Args:
        scores: see :func:`eval.analysis.comparison.scores_by_metric`.
        metrics: their cards.
    """
    tables = []
    for metric, wide in scores.items():
        clusters, share = wide.index.get_level_values("source_group").tolist(), metrics[metric].share
        rows = []
        for one, other in combinations(wide.columns, 2):
            found = paired_difference(wide[one].tolist(), wide[other].tolist(), clusters, share=share)
            counts = (len(wide), len(set(clusters)))
            rows.append((one, other, metric, found.mean, found.low, found.high, found.p, math.nan, *counts))
        table = pd.DataFrame(rows, columns=list(DIFFERENCE_COLUMNS))
        tables.append(table.assign(p_holm=holm(table["p"].tolist())))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(DIFFERENCE_COLUMNS))
