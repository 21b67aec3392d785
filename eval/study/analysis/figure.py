"""The paper's Figure 8: how often a method is preferred to each of its opponents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

from eval.present.figures.style import COLORS
from tedbench.disk import writing
from tedbench.fonts import cover_figure

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import PercentFormatter

SUFFIXES = ("png", "pdf")
NAME = "preferences"


def draw_preferences(summary: dict[str, Any], out: Path) -> None:
    """Write preferences.png and preferences.pdf: a bar for each opponent of the study's first method.

    Bars are shares of the answers with their two-way clustered 95% intervals; the dashed line is no preference; below
    each bar is its number of answers. Simulated answers are labelled.

    Args:
        summary: see :func:`eval.study.analysis.analysis.analysis`.
        out: the folder.
    """
    first = summary["study"]["methods"][0]
    rows = [row for row in summary["preferences"] if row["method"] == first and row["answers"]]
    figure, axes = plt.subplots(figsize=(max(3.5, 0.9 + 0.85 * len(rows)), 2.9), layout="constrained")
    look: dict[str, Any] = (
        {"color": "white", "edgecolor": COLORS[0], "hatch": "//"} if summary["simulated"] else {"color": COLORS[0]}
    )
    for place, row in enumerate(rows):
        axes.bar(place, row["share"], width=0.62, **look)
        if row["low"] is not None:
            reach = [[row["share"] - row["low"]], [row["high"] - row["share"]]]
            axes.errorbar(place, row["share"], reach, color="black", capsize=4, linewidth=1)
    axes.axhline(0.5, color="0.25", linestyle="--", linewidth=1, zorder=3)
    labels = [f"{shorten(row['opponent'])}\n{row['share']:.0%}\nn = {row['answers']:,}" for row in rows]
    axes.set_xticks(range(len(rows)), labels, fontsize=7, parse_math=False)
    axes.set_xlim(-0.6, max(len(rows), 1) - 0.4)
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.tick_params(axis="y", labelsize=7)
    axes.tick_params(axis="x", length=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_ylabel(f"preference for {shorten(first)}", fontsize=8, parse_math=False)
    figure.suptitle(f"{summary['study']['dataset']}\n{title_of(summary)}".replace("$", r"\$"), fontsize=7)
    if summary["simulated"]:
        axes.set_title("SIMULATED ANSWERS", fontsize=7.5, color=COLORS[1], weight="bold")
    cover_figure(figure)
    for suffix in SUFFIXES:
        with writing(out):
            figure.savefig(out / f"{NAME}.{suffix}", dpi=200)
    plt.close(figure)


def title_of(summary: dict[str, Any]) -> str:
    """Return the figure's title: the number of raters, and the kind of the intervals."""
    raters = max((row.get("raters", 0) for row in summary["preferences"]), default=0)
    whose = "simulated raters" if summary["simulated"] else "raters"
    return f"{raters} {whose}; 95%, clustered by rater and source image"


def shorten(name: str) -> str:
    """Shorten a name to fit under a bar."""
    return name if len(name) <= 16 else f"{name[:8]}…{name[-7:]}"
