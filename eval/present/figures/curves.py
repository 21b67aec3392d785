"""The paper's Figure 9: alignment and fidelity along the strength, a panel for each method or category."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter

from eval.analysis.curves import REGION_RULE, of_most_pairs, region, with_region
from eval.present.figures.style import BLUE, COLUMN, GREEN, ORANGE, PAGE, plain, save
from eval.present.text import curve_title
from eval.runs.cards import Kind, MetricCard
from eval.runs.folder import Run
from tedbench.disk import writing
from tedbench.method import Axis


class Look(NamedTuple):
    """The look of a kind of metric, and the addition to its axis label."""

    color: str
    marker: str
    what: str


LOOKS: dict[Kind, Look] = {
    "alignment": Look(BLUE, "o", " (text alignment)"),
    "fidelity": Look(ORANGE, "s", " (image fidelity)"),
    "judgement": Look(GREEN, "^", ""),
}


FEW = 10
"""Number of pairs below which bands may be cut."""
LEAST_REACH = 0.05
"""Height of a metric's axis above and below nearly equal means in which their bands are shown."""

SHADE: dict[str, Any] = {"color": "0.5", "alpha": 0.15, "linewidth": 0}
"""The look of the highlighted strengths."""


class Panel(NamedTuple):
    """One method's curves.

    Attributes:
        title: above it.
        axis: the method's strength.
        table: see :func:`eval.analysis.curves.curve_table`.
    """

    title: str
    axis: Axis
    table: pd.DataFrame


def draw_curves(
    panels: Sequence[Panel], shown: Mapping[Kind, MetricCard], title: str, path: Path, columns: int = 1
) -> None:
    """Write the figure as .png and .pdf: panels with the same scales.

    Args:
        panels: at least one.
        shown: the metric that is drawn of each kind.
        title: above all.
        path: of the figure, with any suffix.
        columns: of panels; one fits into a column of a paper, more take the page's width.
    """
    columns = min(columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    width = COLUMN if columns == 1 else max(PAGE, 1.7 * columns)
    height = (2.1 if columns == 1 else 1.45) * rows + 0.75
    figure, grid = plt.subplots(rows, columns, figsize=(width, height), layout="constrained", squeeze=False)
    limits: dict[Kind, tuple[float, float] | None] = {
        kind: _limits(panels, card.shown) for kind, card in shown.items() if kind != "judgement"
    }
    shaded, names = False, {kind: card.shown for kind, card in shown.items()}
    for place, (on, panel) in enumerate(zip(grid.flat, panels, strict=False)):
        last = (place + 1) % columns == 0 or place == len(panels) - 1
        _draw_panel(on, panel, shown, limits, left=place % columns == 0, right=last)
        if ends := region(panel.table, names.get("alignment"), names.get("fidelity")):
            on.axvspan(*ends, **SHADE)
            shaded = True
    for unused in list(grid.flat)[len(panels) :]:
        unused.set_visible(False)
    figure.suptitle("\n".join(map(plain, title.splitlines())))
    handles = _legend(shown, shaded)
    figure.legend(handles=handles, loc="outside lower center", ncols=1 if columns == 1 else 2)
    save(figure, path)


def _legend(shown: Mapping[Kind, MetricCard], shaded: bool) -> list[Artist]:
    """Return the legend of curves, bands and shading; metrics by their full names."""
    found: list[Artist] = [
        Line2D([], [], color=LOOKS[kind].color, marker=LOOKS[kind].marker, label=plain(card.shown))
        for kind, card in shown.items()
    ]
    found.append(Patch(facecolor="0.35", alpha=0.3, linewidth=0, label="bands: 95%, clustered by source image"))
    return found + [Patch(**SHADE, label=f"shaded: {REGION_RULE}")] * shaded


def draw_run(run: Run, table: pd.DataFrame, axis: Axis) -> None:
    """Write a run's own figure: curves.csv, curves.png and curves.pdf.

    Args:
        run: the run.
        table: see :func:`eval.analysis.curves.curve_table`; the first of its metrics of each kind is drawn, at the
            strengths of :func:`eval.analysis.curves.of_most_pairs`.
        axis: the run's.
    """
    shown = run.metrics.only(table["metric"].unique()).first_of_kinds()
    names = {kind: card.shown for kind, card in shown.items()}
    write_curves(with_region(table, names.get("alignment"), names.get("fidelity")), run.folder / "curves.csv")
    drawn, _ = of_most_pairs(table)
    draw_curves([Panel("", axis, drawn)], shown, curve_title(run, table), run.folder / "curves")


def write_curves(table: pd.DataFrame, path: Path) -> None:
    """Write the numbers of a figure beside it: the same table gives the same bytes."""
    text = table.to_csv(index=False, float_format="%.6f", lineterminator="\n")
    with writing(path):
        path.write_text(text, encoding="utf-8")


def _limits(panels: Sequence[Panel], metric: str) -> tuple[float, float] | None:
    """Return the limits of one metric's axis in all panels; None if no panel has it.

    They hold all means and bands; of few pairs, whose bands are far wider than the curves, the bands no further beyond the
    means than these lie apart.
    """
    rows = pd.concat([panel.table[panel.table["metric"] == metric] for panel in panels])
    values = rows[["mean", "ci_low", "ci_high"]].stack()
    values = values[np.isfinite(values)]
    if values.empty:
        return None
    low, high = values.min(), values.max()
    means = rows["mean"][np.isfinite(rows["mean"])]
    if rows["n_pairs"].min() < FEW and len(means) and rows["strength"].nunique() > 1:
        reach = max(means.max() - means.min(), LEAST_REACH)
        low, high = max(low, means.min() - reach), min(high, means.max() + reach)
    room = 0.05 * (high - low) or 0.05
    return low - room, high + room


def _draw_panel(
    on: Axes,
    panel: Panel,
    shown: Mapping[Kind, MetricCard],
    limits: Mapping[Kind, tuple[float, float] | None],
    *,
    left: bool,
    right: bool,
) -> None:
    """Draw alignment on the left axis, fidelity on the right one, judgements on a third; inner axes have no numbers."""
    axes: dict[Kind, Axes] = {"alignment": on, "fidelity": on.twinx()}
    judged = shown.get("judgement")
    if judged is not None and (panel.table["metric"] == judged.shown).any():
        axes["judgement"] = on.twinx()
        axes["judgement"].spines["right"].set_position(("outward", 38 if right else 0))
        axes["judgement"].set_ylim(-0.03, 1.03)
        axes["judgement"].yaxis.set_major_formatter(PercentFormatter(1))
    for place, (kind, each) in enumerate(axes.items()):
        card = shown.get(kind)
        rows = panel.table[(panel.table["metric"] == (card and card.shown)) & np.isfinite(panel.table["mean"])]
        if card is None or rows.empty:
            each.yaxis.set_visible(False)
            continue
        if limits.get(kind):
            each.set_ylim(limits[kind])
        if kind != "judgement":
            each.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        _draw_metric(each, rows, LOOKS[kind], place)
        each.tick_params(axis="y", colors=LOOKS[kind].color, labelsize=6)
        if left if kind == "alignment" else right:
            each.set_ylabel(f"{plain(card.shown_heading)}{LOOKS[kind].what}", color=LOOKS[kind].color)
        else:
            each.tick_params(labelleft=False, labelright=False)
            if kind == "judgement":
                each.yaxis.set_visible(False)
    strengths = panel.table["strength"]
    if strengths.nunique() == 1:
        on.set_xticks([] if panel.axis.fixed else [strengths.iloc[0]])
        on.set_xlim(strengths.iloc[0] - 1, strengths.iloc[0] + 1)
    else:
        on.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    on.set_xlabel(plain(panel.axis.symbol))
    on.grid(axis="x")
    on.set_title(plain(panel.title))


def _draw_metric(on: Axes, rows: pd.DataFrame, look: Look, place: int) -> None:
    """Draw a curve with its band; a single strength is a point with an error bar, beside those of the other metrics."""
    if len(rows) == 1:
        (row,) = rows.itertuples()
        reach = [[row.mean - row.ci_low], [row.ci_high - row.mean]]
        known = None if math.isnan(row.ci_low) else reach
        x = [row.strength - 0.3 + 0.3 * place]
        on.errorbar(x, [row.mean], known, color=look.color, marker=look.marker, capsize=3, linestyle="none")
    else:
        on.fill_between(rows["strength"], rows["ci_low"], rows["ci_high"], color=look.color, alpha=0.18, linewidth=0)
        on.plot(rows["strength"], rows["mean"], color=look.color, marker=look.marker)
