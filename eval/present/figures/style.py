"""Common style of all figures: colours, widths, plain text for matplotlib, and saving."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from eval.present.text import CONTROL


def use_paper_style() -> None:
    """Have matplotlib draw into files, in the style of all figures; done on import, and again after it was undone."""
    matplotlib.use("Agg")
    plt.style.use(Path(__file__).with_name("paper.mplstyle"))


use_paper_style()

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")  # Okabe & Ito, colour-blind safe
BLUE, ORANGE, GREEN = COLORS[:3]
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", "--", ":", "-.")
COLUMN, PAGE = 3.5, 7.16
"""Inches: one column of a two-column paper, and both."""
SMALL = 6


def plain(text: str) -> str:
    """Return a text that matplotlib writes as it is, without formulas."""
    return CONTROL.sub(" ", text.strip()).replace("$", r"\$")


def shorten(name: str) -> str:
    """Shorten a name to fit into a legend of one column's width."""
    return name if len(name) <= 48 else f"{name[:24]}…{name[-23:]}"


def legend_columns(labels: list[str]) -> int:
    """Return the number of columns of these labels that fit into one column of a paper."""
    for columns in (4, 3, 2):
        widest = [max(map(len, column)) for column in np.array_split(labels, min(columns, len(labels)))]
        if sum(widest) + 9 * len(widest) <= 72:
            return columns
    return 1


def save(figure: Figure, path: Path) -> None:
    """Write ``path`` with .png and .pdf in place of its suffix, and close the figure.

    Equal figures are equal files: the PDF has no date.
    """
    from tedbench.disk import writing
    from tedbench.fonts import cover_figure

    cover_figure(figure)
    with writing(path.parent):
        figure.savefig(path.with_suffix(".png"))
        figure.savefig(path.with_suffix(".pdf"), metadata={"CreationDate": None})
    plt.close(figure)
