"""The fidelity–alignment plane: one curve a method along its strength, and the mean of its picked images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from eval.analysis.common_pairs import Comparison
from eval.analysis.curves import curve_rows
from eval.analysis.methods import Method
from eval.analysis.published import Published, published
from eval.present.figures.style import COLORS, COLUMN, DASHES, MARKERS, SMALL, legend_columns, plain, save, shorten
from eval.runs.cards import MetricCard
from tedbench.disk import writing


class Track(NamedTuple):
    """A method in the plane.

    Attributes:
        method: the method.
        curve: strength, x, y, n_pairs; ascending, of points that include all compared pairs.
        left_out: number of strengths that fewer pairs have.
        picked: x and y of the picked images: mean, ci_low, ci_high each.
    """

    method: Method
    curve: pd.DataFrame
    left_out: int
    picked: dict[str, pd.Series]


def axes_of(comparison: Comparison, table: pd.DataFrame) -> tuple[MetricCard, MetricCard] | None:
    """Return the first fidelity and alignment metrics that every method was measured with; None if one is missing."""
    shared = [m for m, group in table.groupby("metric", sort=False) if len(group) == len(comparison.methods)]
    found = comparison.metrics.only(shared).first_of_kinds()
    return (found["fidelity"], found["alignment"]) if {"fidelity", "alignment"} <= found.keys() else None


def tracks(comparison: Comparison, table: pd.DataFrame, x: MetricCard, y: MetricCard) -> list[Track]:
    """Return every method's curve over the compared pairs, all seeds, and its row of ``table``."""
    return [
        _track(comparison, method, table[table["method"] == method.name], x.shown, y.shown)
        for method in comparison.methods
    ]


def _track(comparison: Comparison, method: Method, rows: pd.DataFrame, x: str, y: str) -> Track:
    points = curve_rows(method.samples, method.scores(), comparison.pair_ids, method.run.labels, method.metrics)
    wide = points[points["metric"].isin([x, y])].pivot(index="strength", columns="metric", values=["mean", "n_pairs"])
    curve = pd.DataFrame({"x": wide["mean", x], "y": wide["mean", y], "n_pairs": wide["n_pairs"].min(axis=1)})
    whole = curve[curve["n_pairs"] == len(comparison.pair_ids)].reset_index()
    by_metric = rows.set_index("metric")
    return Track(method, whole, len(curve) - len(whole), {"x": by_metric.loc[x], "y": by_metric.loc[y]})


def draw_plane(comparison: Comparison, table: pd.DataFrame, x: MetricCard, y: MetricCard, out: Path) -> list[str]:
    """Write plane.png, plane.pdf and plane.csv.

    Returns:
        Remarks for the reader of the figure.
    """
    drawn = tracks(comparison, table, x, y)
    bands = published(comparison.methods[0].dataset, x)
    labels = [*(plain(shorten(track.method.name)) for track in drawn), "chosen images, 95%"]
    columns = legend_columns(labels)
    height = 2.9 + 0.12 * math.ceil(len(labels) / columns) + (0.5 + 0.1 * len(bands) if bands else 0)
    if bands:
        figure, (plane, strip) = plt.subplots(
            2, 1, figsize=(COLUMN, height), layout="constrained", sharex=True, height_ratios=[4, 0.26 * len(bands)]
        )
        _draw_published(strip, bands)
        strip.set_xlabel(_axis_label(x), fontsize=7)
    else:
        figure, plane = plt.subplots(figsize=(COLUMN, height), layout="constrained")
        plane.set_xlabel(_axis_label(x), fontsize=7)
    handles = [_draw_track(plane, track, number) for number, track in enumerate(drawn)]
    plane.set_ylabel(_axis_label(y), fontsize=7)
    plane.tick_params(labelsize=SMALL)
    plane.margins(x=0.18, y=0.12)
    plane.grid(alpha=0.25, linewidth=0.5)
    plane.spines[["top", "right"]].set_visible(False)
    picked = Line2D([], [], color="none", marker="*", markersize=8, markerfacecolor="white", markeredgecolor="0.2")
    figure.legend([*handles, picked], labels, loc="outside lower center", ncols=columns, fontsize=SMALL, frameon=False)
    title = plain(f"{comparison.dataset} · {comparison.coverage}")
    figure.suptitle(f"{title}\ncurves: mean along the strength, all seeds", fontsize=7)
    figure.draw_without_rendering()  # labels are placed where the layout leaves the axes
    _label_ends(plane, drawn)
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


def _draw_track(plane: Axes, track: Track, number: int) -> Line2D:
    """Draw the curve, and its picked point as a star with intervals; return the legend's handle."""
    color, marker = COLORS[number % len(COLORS)], MARKERS[number % len(MARKERS)]
    look = {"color": color, "marker": marker, "linestyle": DASHES[number // len(COLORS) % len(DASHES)]}
    (line,) = plane.plot(track.curve["x"], track.curve["y"], markersize=2.6, linewidth=1, **look)  # type: ignore[arg-type]
    x, y = track.picked["x"], track.picked["y"]
    reach = [[[row["mean"] - row["ci_low"]], [row["ci_high"] - row["mean"]]] for row in (x, y)]
    known = [None if math.isnan(each[0][0]) else each for each in reach]
    plane.errorbar(
        [x["mean"]], [y["mean"]], known[1], known[0], color=color, linewidth=0.6, linestyle="none", alpha=0.4
    )
    plane.plot(
        [x["mean"]], [y["mean"]], "*", markersize=9, color=color, markeredgecolor="white", markeredgewidth=0.7, zorder=5
    )
    return line


def _label_ends(plane: Axes, drawn: Sequence[Track]) -> None:
    """Write the least and the greatest strength beside the ends of each curve."""
    marks = np.concatenate([np.empty((0, 2)), *(plane.transData.transform(_dense(t.curve)) for t in drawn)])
    taken: list[Bbox] = []
    for number, track in enumerate(drawn):
        if len(track.curve) < 2 or track.method.axis.fixed:
            continue
        for end, inner in ((0, 1), (-1, -2)):
            point, before = track.curve.iloc[end], track.curve.iloc[inner]
            label = plane.annotate(
                track.method.axis.label(point["strength"]),
                (point["x"], point["y"]),
                xytext=(3, 3),
                textcoords="offset points",
                fontsize=SMALL - 0.5,
                color=COLORS[number % len(COLORS)],
                path_effects=[withStroke(linewidth=1.5, foreground="white")],
                zorder=6,
                parse_math=False,
                in_layout=False,
            )
            away = (1 if point["x"] >= before["x"] else -1, 1 if point["y"] >= before["y"] else -1)
            taken.append(_place(label, away, marks, taken))


def _place(label: Annotation, away: tuple[int, int], marks: np.ndarray, taken: Sequence[Bbox]) -> Bbox:
    """Move a label to the place where it hides least, by preference pointing away from its curve."""

    def put(right: int, up: int, far: int) -> Bbox:
        label.set_position((3 * right, up * (3 + far)))
        label.set(ha="left" if right > 0 else "right", va="bottom" if up > 0 else "top")
        return label.get_window_extent()

    assert label.axes is not None
    room = label.axes.bbox

    def hidden(box: Bbox) -> float:
        outside = not (room.contains(box.x0, box.y0) and room.contains(box.x1, box.y1))
        over = sum(box.overlaps(other) for other in taken)
        return 20 * outside + 20 * over + sum(box.contains(*mark) for mark in marks)

    right, up = away
    corners = [(right, up), (right, -up), (-right, up), (-right, -up)]
    places = [(*corner, far) for far in (0, 7, 14) for corner in corners]
    return put(*min(places, key=lambda place: hidden(put(*place))))


def _dense(curve: pd.DataFrame) -> np.ndarray:
    """Return points along a curve, its lines included."""
    points = curve[["x", "y"]].to_numpy(float)
    if len(points) < 2:
        return points
    at = np.linspace(0, len(points) - 1, 10 * len(points))
    return np.stack([np.interp(at, np.arange(len(points)), points[:, i]) for i in range(2)], axis=1)


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
