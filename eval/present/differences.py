"""Paired differences as text in tables."""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd

from eval.present.tables import Grid
from eval.present.text import brackets, number
from eval.runs.cards import MetricCards

NOTE = (
    "Differences: mean over pairs of the first method's score less the second's, with the 95% interval clustered by source "
    "image (Tango's score interval for shares); p of a two-sided permutation test that exchanges the methods in all pairs of a source image at once, by Holm's "
    "correction for the number of differences in its column ({count}).{least} Choosing images by a metric favours its own column."
)


def difference_grid(table: pd.DataFrame, cards: MetricCards, join: Callable[..., str]) -> Grid:
    """Return the differences as text: a row for each two methods, a column a metric.

    Args:
        table: see :func:`eval.analysis.differences.differences`.
        cards: of its metrics.
        join: makes one text of a difference, its interval and p.
    """
    metrics = list(dict.fromkeys(table["metric"]))
    cards = cards.only(metrics)
    rows = []
    for (one, other), group in table.groupby(["method", "other"], sort=False):
        cells = [_words(group[group["metric"] == metric], cards[metric].share, join) for metric in metrics]
        rows.append([f"{one} − {other}", *cells])
    return Grid(["difference", *(cards.heading(metric) for metric in metrics)], rows, len(metrics))


def difference_notes(table: pd.DataFrame) -> list[str]:
    """Return the notes below the differences; none if there are no differences."""
    if table.empty:
        return []
    images = int(table["n_source_images"].min())
    least = f" With {images} source images p cannot be less than {2 / 2**images:.3f} before that." if images < 9 else ""
    return [NOTE.format(count=table.groupby("metric").size().max(), least=least)]


def _words(rows: pd.DataFrame, percent: bool, join: Callable[..., str]) -> str:
    if rows.empty:
        return "–"
    (row,) = rows.to_dict("records")
    mean = f"{number(100 * row['difference'], '+.0f')} %" if percent else number(row["difference"], "+.3f")
    ends = brackets(row["difference"], row["ci_low"], row["ci_high"], percent)
    p = "" if math.isnan(row["p_holm"]) else p_value(row["p_holm"])
    return join(mean, ends, p).replace("-", "−")


def p_value(p: float) -> str:
    """Format a p-value: "p = .031", or "p < .001"."""
    return "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".")
