"""Methods in the fidelity–alignment plane: the points of their curves, and how one is drawn and labelled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

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
from eval.present.figures.style import COLORS, DASHES, MARKERS, SMALL
from eval.runs.cards import MetricCard


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


def draw_track(plane: Axes, track: Track, number: int) -> Line2D:
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


def label_ends(plane: Axes, drawn: Sequence[Track]) -> None:
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
