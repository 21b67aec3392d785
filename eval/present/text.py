"""The curve table's numbers in words, as the terminal and the report print them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import pandas as pd

from eval.metrics.base import Metric, is_judgement, is_partial
from eval.runs.folder import Run

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
"""What no page or figure can show: line ends, and marks that turn the writing round."""


def strength_cells(group: pd.DataFrame, metrics: Sequence[Metric], intervals: bool = False) -> list[str]:
    """One strength's means, a cell a metric; – where it has none.

    Judgements are percent of images. A cell says of how many images it is where the row's other metrics have more.

    Args:
        group: the rows of the curve table at one strength.
        metrics: the columns.
        intervals: adds the 95% interval.
    """
    rows, most = group.set_index("metric"), _measured(group)["n_images"].min()
    cells = []
    for metric in metrics:
        if metric.shown not in rows.index:
            cells.append("–")
            continue
        row = rows.loc[metric.shown]
        percent = metric.kind == "judgement"
        mean = number(row["mean"], ".0%" if percent else ".3f")
        ends = brackets(row["mean"], row["ci_low"], row["ci_high"], percent) if intervals else ""
        fewer = f"of {row['n_images']}" if row["n_images"] < most else ""
        cells.append(" ".join(filter(None, (mean, ends, fewer))))
    return cells


def number(value: float, form: str) -> str:
    """A mean as tables print it; "∞" where an image is its input and the metric PSNR, "–" where there is none."""
    return "–" if math.isnan(value) else f"{value:{form}}".replace("inf", "∞")


def brackets(mean: float, low: float, high: float, percent: bool) -> str:
    """A mean's interval as tables print it: "[0.518, 0.634]", in percent "[35, 51]".

    It is "[–]" where there is one source image, and "" beside an infinite mean or none.
    """
    if not math.isfinite(mean):
        return ""
    if math.isnan(low):
        return "[–]"
    return f"[{100 * low:.0f}, {100 * high:.0f}]" if percent else f"[{low:.3f}, {high:.3f}]"


def coverage(table: pd.DataFrame) -> str:
    """ "33 of 36": how many images were measured of how many there should be; some metrics have nothing to say of some."""
    measured = _measured(table)
    return f"{measured['n_images'].min()} of {measured['n_expected'].max()}"


def pairs_of(table: pd.DataFrame) -> int:
    """How many pairs were measured."""
    return int(_measured(table)["n_pairs"].min())


def judged_images(table: pd.DataFrame) -> int:
    """How many images were judged at the strength where the fewest were; 0 if none was."""
    judged = table[_judgements(table)]
    return int(judged["n_images"].min()) if len(judged) else 0


def curve_title(run: Run, table: pd.DataFrame) -> str:
    """Above a run's figure: method, model, dataset and how many of how many."""
    if not len(table):
        return f"{run.title}\nno scores"
    judged, measured = judged_images(table), coverage(table)
    fewer = f" ({judged} judged)" if judged and not measured.startswith(f"{judged} ") else ""
    return f"{run.title}\nmean of {pairs_of(table)} pairs, {measured} images a point{fewer}"


def _measured(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of metrics that measure every image; all rows where there are none of them."""
    measured = table[~table["metric"].map(is_partial).astype(bool)]
    return measured if len(measured) else table


def _judgements(table: pd.DataFrame) -> pd.Series:
    return table["metric"].map(is_judgement).astype(bool)
