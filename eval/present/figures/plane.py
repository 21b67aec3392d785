"""The fidelity–alignment plane: one curve a method along its strength, and the mean of its picked images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from eval.analysis.common_pairs import Comparison
from eval.analysis.published import Published, published
from eval.present.figures.style import COLUMN, ORANGE, PAGE, SMALL, legend_columns, plain, save, shorten
from eval.present.figures.tracks import Track, draw_track, label_ends, tracks
from eval.runs.cards import MetricCard
from tedbench.disk import writing

TOGETHER = 9
"""Most methods in one pair of axes; more have a panel each."""
ACROSS = 5
"""Panels side by side."""

Drawn = tuple[Figure, list[tuple[Axes, Sequence[Track]]]]
"""A figure, and the axes whose curves' ends are to be labelled, with these curves."""


def axes_of(comparison: Comparison, table: pd.DataFrame) -> tuple[MetricCard, MetricCard] | None:
    """Return the first fidelity and alignment metrics that every method was measured with; None if one is missing."""
    shared = [m for m, group in table.groupby("metric", sort=False) if len(group) == len(comparison.methods)]
    found = comparison.metrics.only(shared).first_of_kinds()
    return (found["fidelity"], found["alignment"]) if {"fidelity", "alignment"} <= found.keys() else None


def draw_plane(comparison: Comparison, table: pd.DataFrame, x: MetricCard, y: MetricCard, out: Path) -> list[str]:
    """Write plane.png, plane.pdf and plane.csv.

    Up to :data:`TOGETHER` methods are drawn in one pair of axes. Of more each has a panel, where the first method's curve and
    all others' are seen behind its own.

    Returns:
        Remarks for the reader of the figure.
    """
    drawn = tracks(comparison, table, x, y)
    bands = published(comparison.methods[0].dataset, x)
    draw = _one_plane if len(drawn) <= TOGETHER else _panels
    figure, shown = draw(drawn, bands, _axis_label(x), _axis_label(y))
    title = plain(f"{comparison.dataset} · {comparison.coverage}")
    figure.suptitle(f"{title}\ncurves: mean along the strength, all seeds", fontsize=7)
    figure.draw_without_rendering()  # labels are placed where the layout leaves the axes
    for axes, own in shown:
        label_ends(axes, own)
    curves = [t.curve.assign(method=t.method.name, x_metric=x.shown, y_metric=y.shown) for t in drawn]
    kept = ["method", "strength", "x", "y", "n_pairs", "x_metric", "y_metric"]
    with writing(out):
        pd.concat(curves)[kept].to_csv(out / "plane.csv", index=False, float_format="%.6f")
    save(figure, out / "plane")
    return [
        f"The plane lacks {track.left_out} strength{'' if track.left_out == 1 else 's'} of {track.method.name}, which not "
        "all compared pairs have."
        for track in drawn
        if track.left_out
    ]


def _one_plane(drawn: Sequence[Track], bands: Sequence[Published], x: str, y: str) -> Drawn:
    """Draw all methods in one pair of axes."""
    labels = [*(plain(shorten(track.method.name)) for track in drawn), "chosen images, 95%"]
    columns = legend_columns(labels)
    height = 2.9 + 0.12 * math.ceil(len(labels) / columns) + (0.5 + 0.1 * len(bands) if bands else 0)
    if bands:
        figure, (plane, strip) = plt.subplots(
            2, 1, figsize=(COLUMN, height), layout="constrained", sharex=True, height_ratios=[4, 0.26 * len(bands)]
        )
        _draw_published(strip, bands)
        strip.set_xlabel(x, fontsize=7)
    else:
        figure, plane = plt.subplots(figsize=(COLUMN, height), layout="constrained")
        plane.set_xlabel(x, fontsize=7)
    handles = [draw_track(plane, track, number) for number, track in enumerate(drawn)]
    plane.set_ylabel(y, fontsize=7)
    plane.margins(x=0.18, y=0.12)
    _style(plane)
    figure.legend([*handles, _star()], labels, loc="outside lower center", ncols=columns, fontsize=SMALL, frameon=False)
    return figure, [(plane, drawn)]


def _panels(drawn: Sequence[Track], bands: Sequence[Published], x: str, y: str) -> Drawn:
    """Draw each method in a panel of its own."""
    down = math.ceil(len(drawn) / ACROSS)
    heights = [0.12, *[1.0] * down, *[0.1 * len(bands)] * bool(bands)]
    figure = plt.figure(figsize=(PAGE, 1.3 * sum(heights) + 0.8), layout="constrained")
    rows = figure.add_gridspec(len(heights), ACROSS, height_ratios=heights)
    panels: list[Axes] = []
    for number, track in enumerate(drawn):
        row, column = divmod(number, ACROSS)
        shared = {"sharex": panels[0], "sharey": panels[0]} if panels else {}
        panel = figure.add_subplot(rows[1 + row, column], **shared)
        panels.append(panel)
        for other in drawn[1:]:
            panel.plot(other.curve["x"], other.curve["y"], color="0.85", linewidth=0.6)
        (first,) = panel.plot(drawn[0].curve["x"], drawn[0].curve["y"], color=ORANGE, linewidth=0.8)
        own = draw_track(panel, track, 0)
        panel.set_title(plain(shorten(track.method.name)), fontsize=7, pad=2)
        _style(panel)
        panel.tick_params(labelleft=column == 0, labelbottom=number + ACROSS >= len(drawn))
    panels[0].margins(x=0.12, y=0.12)
    if bands:
        _draw_published(figure.add_subplot(rows[1 + down, :]), bands)
    figure.supxlabel(x, fontsize=7)
    figure.supylabel(y, fontsize=7)
    above = figure.add_subplot(rows[0, :])
    above.set_axis_off()
    others = Line2D([], [], color="0.85", linewidth=0.6)
    labels = ["the panel's method", plain(shorten(drawn[0].method.name)), "all others", "chosen images, 95%"]
    above.legend([own, first, others, _star()], labels, loc="center", ncols=4, fontsize=SMALL, frameon=False)
    return figure, [(panel, [track]) for panel, track in zip(panels, drawn, strict=True)]


def _star() -> Line2D:
    return Line2D([], [], color="none", marker="*", markersize=8, markerfacecolor="white", markeredgecolor="0.2")


def _style(axes: Axes) -> None:
    axes.tick_params(labelsize=SMALL)
    axes.grid(alpha=0.25, linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_published(strip: Axes, bands: Sequence[Published]) -> None:
    """Draw a row for each published method: the printed numbers, and the range by which protocols move them."""
    for row, band in enumerate(bands):
        strip.barh(row, band.high - band.low + 2 * band.reach, left=band.low - band.reach, height=0.6, color="0.88")
        strip.plot([band.low, band.high], [row, row], color="0.35", marker="|", markersize=5, linewidth=1)
    strip.set_yticks(range(len(bands)), [band.method for band in bands], fontsize=SMALL - 1)
    strip.invert_yaxis()
    strip.tick_params(axis="x", labelsize=SMALL)
    strip.tick_params(axis="y", length=0)
    strip.spines[["top", "right", "left"]].set_visible(False)
    strip.set_title(f"published, other protocols (± {bands[0].reach:g})", fontsize=SMALL, pad=2)


def _axis_label(card: MetricCard) -> str:
    kind = {"alignment": "text alignment", "fidelity": "image fidelity"}[card.kind]
    return f"{plain(card.shown_heading)} ({kind})\n{plain(card.shown)}"
