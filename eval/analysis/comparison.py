"""The comparison in numbers: one row for each method and metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from eval.analysis.common_pairs import Comparison
from eval.analysis.cost import Cost
from eval.analysis.stats import clustered_mean

TABLE_COLUMNS = (
    "method",
    "run",
    "model",
    "rule",
    "metric",
    "mean",
    "ci_low",
    "ci_high",
    "n_pairs",
    "n_compared",
    "n_expected",
    "n_own",
    "seconds_per_edit",
    "evaluations_per_edit",
    "peak_gib",
)


def scores_by_metric(comparison: Comparison) -> dict[str, pd.DataFrame]:
    """Return the picked images' scores for each metric, under its shown name, in the order of tables.

    A row a pair (index ``pair_id``, ``source_group``), a column for each method that was measured with the metric;
    pairs without a score of one of them are left out.
    """
    measured = pd.concat(
        [_measured(comparison, place).assign(method=m.name) for place, m in enumerate(comparison.methods)]
    )
    tables = {}
    for card in comparison.metrics.only(measured["metric"].unique()):
        rows = measured[measured["metric"] == card.name]
        wide = rows.pivot(index=["pair_id", "source_group"], columns="method", values="score")
        names = [method.name for method in comparison.methods if method.name in wide.columns]
        tables[card.shown] = card.shown_score(wide[names].dropna().sort_index())
    return {metric: wide for metric, wide in tables.items() if len(wide)}


def comparison_table(comparison: Comparison, scores: Mapping[str, pd.DataFrame], costs: Sequence[Cost]) -> pd.DataFrame:
    """Return means over the picked images of the compared pairs, with 95% intervals clustered by source image.

    A metric's mean is over the pairs that are scored for every method measured with it: ``n_pairs`` of the
    ``n_compared``. ``n_own`` is the number of the ``n_expected`` pairs for which a method has an image.

    Args:
        comparison: the compared methods and pairs.
        scores: of :func:`scores_by_metric`.
        costs: of each method.
    """
    rows, cards = [], comparison.metrics
    for metric, wide in scores.items():
        clusters, card = wide.index.get_level_values("source_group").tolist(), cards[metric]
        for method, spent in zip(comparison.methods, costs, strict=True):
            if method.name not in wide.columns:
                continue
            interval = clustered_mean(wide[method.name].tolist(), clusters, share=card.share).within(card.shown_bounds)
            rows.append(
                {
                    "method": method.name,
                    "run": str(method.run.folder),
                    "model": method.run.labels["model"],
                    "rule": method.picked.rule,
                    "metric": metric,
                    "mean": interval.mean,
                    "ci_low": interval.low,
                    "ci_high": interval.high,
                    "n_pairs": len(wide),
                    "n_compared": len(comparison.pair_ids),
                    "n_expected": comparison.n_expected,
                    "n_own": len(method.picked.images),
                    "seconds_per_edit": spent.seconds,
                    "evaluations_per_edit": spent.evaluations,
                    "peak_gib": spent.peak_gib,
                }
            )
    return pd.DataFrame(rows, columns=list(TABLE_COLUMNS))


def _measured(comparison: Comparison, place: int) -> pd.DataFrame:
    """Return pair_id, source_group, metric, score of a method's picked images, where the metric applies."""
    method = comparison.methods[place]
    picked = comparison.picked(method)[["pair_id", "strength", "seed", "source_group"]]
    return method.scores().dropna(subset="score").merge(picked, on=["pair_id", "strength", "seed"])


def apart(comparison: Comparison, table: pd.DataFrame) -> list[str]:
    """Return one line for each metric that not every method was measured with."""
    lines = []
    for metric, group in table.groupby("metric", sort=False):
        lacking = [method.name for method in comparison.methods if method.name not in set(group["method"])]
        if lacking:
            lines.append(
                f"{metric} was not measured for {', '.join(lacking)}: columns of different metrics are not compared. "
                "Repeat its eval.run command with the same metrics=… to have it."
            )
    return lines
