"""The curve table's numbers as text for the terminal and the report."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import pandas as pd

from eval.analysis.curves import of_most_pairs
from eval.runs.cards import MetricCards
from eval.runs.folder import Run
from tedbench.axis import Axis, format_strength

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
"""Characters that no page or figure can show: line ends, and marks of writing direction."""


def strength_cells(group: pd.DataFrame, metrics: MetricCards, intervals: bool = False) -> list[str]:
    """Return one strength's means, a cell a metric; – if it has none.

    Shares are percent of images. A cell names its number of images if the row's other metrics have more.

    Args:
        group: the rows of the curve table at one strength.
        metrics: the columns.
        intervals: adds the 95% interval.
    """
    rows, most = group.set_index("metric"), _measured(group, metrics)["n_images"].max()
    cells = []
    for metric in metrics:
        if metric.shown not in rows.index:
            cells.append("–")
            continue
        row = rows.loc[metric.shown]
        percent = metric.share
        mean = number(row["mean"], ".0%" if percent else ".3f")
        ends = brackets(row["mean"], row["ci_low"], row["ci_high"], percent) if intervals else ""
        fewer = f"of {row['n_images']}" if row["n_images"] < most else ""
        cells.append(" ".join(filter(None, (mean, ends, fewer))))
    return cells


def number(value: float, form: str) -> str:
    """Format a mean for tables; "∞" for infinity (PSNR of an unchanged image), "–" for NaN."""
    return "–" if math.isnan(value) else f"{value:{form}}".replace("inf", "∞")


def brackets(mean: float, low: float, high: float, percent: bool) -> str:
    """Format a mean's interval for tables: "[0.518, 0.634]", in percent "[35, 51]".

    It is "[–]" with one source image, and "" beside a mean that is infinite or NaN.
    """
    if not math.isfinite(mean):
        return ""
    if math.isnan(low):
        return "[–]"
    return f"[{100 * low:.0f}, {100 * high:.0f}]" if percent else f"[{low:.3f}, {high:.3f}]"


def coverage(table: pd.DataFrame, metrics: MetricCards) -> str:
    """Return "n of N" images, such as "33 of 36": those measured by the metrics that apply to all pairs, of those expected.

    Of several strengths it is the range, "2 to 6 of 6"; of several metrics the number of the one that measured most.
    """
    return f"{_range(table, metrics, 'n_images')} of {table['n_expected'].max()}"


def pairs_of(table: pd.DataFrame, metrics: MetricCards) -> str:
    """Return the number of pairs that were measured, "6"; of several strengths with other numbers the range, "2 to 6"."""
    return _range(table, metrics, "n_pairs")


def _range(table: pd.DataFrame, metrics: MetricCards, column: str) -> str:
    most = _measured(table, metrics).groupby("strength")[column].max()
    return str(most.max()) if most.min() == most.max() else f"{most.min()} to {most.max()}"


def judged_images(table: pd.DataFrame, metrics: MetricCards) -> int:
    """Return the smallest number of judged images at a strength; 0 if none was judged."""
    judged = table[table["metric"].map(lambda name: metrics[name].kind == "judgement").astype(bool)]
    return int(judged["n_images"].min()) if len(judged) else 0


def curve_title(run: Run, table: pd.DataFrame) -> str:
    """Return the title of a run's figure: method, model, dataset and coverage."""
    if not len(table):
        return f"{run.title}\nno scores"
    cards, (drawn, others) = run.metrics, of_most_pairs(table)
    judged, measured = judged_images(drawn, cards), coverage(drawn, cards)
    fewer = f" ({judged} judged)" if judged and not measured.startswith(f"{judged} ") else ""
    title = f"{run.title}\nmean of {pairs_of(drawn, cards)} pairs, {measured} images a point{fewer}"
    return f"{title}\n{fewer_pairs(others, run.axis)}" if others else title


def fewer_pairs(strengths: Sequence[float], axis: Axis) -> str:
    """Return a remark on strengths that fewer pairs have than others: "not drawn, of fewer pairs: t₀ = 0.5, 1"."""
    return f"not drawn, of fewer pairs: {axis.symbol} = {', '.join(map(format_strength, strengths))}"


def _measured(table: pd.DataFrame, metrics: MetricCards) -> pd.DataFrame:
    """Return the rows of metrics that measure every image; all rows if there are none of them."""
    measured = table[~table["metric"].map(lambda name: metrics[name].partial).astype(bool)]
    return measured if len(measured) else table
