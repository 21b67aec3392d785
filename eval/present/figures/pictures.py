"""Images in rows, as a figure for print: at 300 dpi, text as text, and a table of their places."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from eval.present.figures.style import ORANGE, plain, save
from tedbench.disk import writing
from tedbench.sheet import tile
from tedbench.wrap import wrap

PLACE_COLUMNS = ("block", "row", "column", "run", "pair_id", "target_text", "strength", "seed", "image")
DPI = 300
_EDGE, _GAP, _LABEL = 0.03, 0.03, 0.14  # inches: round the page; between pictures; a row's label, on its side
_LARGEST = 1.5  # inches: side of a picture
_TITLE, _TEXT, _SMALL = 7.0, 6.5, 6.0  # points
_LINE = 1.25  # of a line to its type


class Tile(NamedTuple):
    """One image.

    Attributes:
        picture: (side, side, 3) uint8.
        places: the last columns of :data:`PLACE_COLUMNS`, and any more.
        caption: below it.
        framed: True if it is highlighted.
    """

    picture: np.ndarray
    places: dict[str, Any]
    caption: str = ""
    framed: bool = False


class Row(NamedTuple):
    """Images side by side; None leaves a place empty."""

    tiles: list[Tile | None]
    label: str = ""


class Block(NamedTuple):
    """Rows under a title, with heads over their columns; ``section`` begins a part of the figure."""

    title: str
    rows: list[Row]
    heads: Sequence[str] = ()
    section: str = ""


def draw_pictures(blocks: Sequence[Block], title: str, path: Path, width: float) -> None:
    """Write the figure as .png and .pdf, ``width`` in inches; its height follows."""
    page = _Page(blocks, width)
    heading = _wrap(title.replace(" · ", "\N{NO-BREAK SPACE}· "), width - 2 * _EDGE, _TITLE)
    height = page.lay(heading, None)
    figure = plt.figure(figsize=(width, height))
    on = figure.add_axes((0, 0, 1, 1))
    on.set_axis_off()
    on.set(xlim=(0, width), ylim=(height, 0))
    page.lay(heading, on)
    save(figure, path)


class _Page:
    """Lays blocks out from the top; without axes it only measures."""

    def __init__(self, blocks: Sequence[Block], width: float) -> None:
        columns = max(len(row.tiles) for block in blocks for row in block.rows)
        labels = any(row.label for block in blocks for row in block.rows)
        self.blocks, self.width = blocks, width
        room = (width - _LABEL * labels - 2 * _EDGE - (columns - 1) * _GAP) / columns
        self.side = int(min(room, _LARGEST) * DPI) / DPI  # a whole number of dots
        spare = width - _LABEL * labels - columns * self.side - (columns - 1) * _GAP
        self.left = _LABEL * labels + spare / 2

    def lay(self, heading: list[str], on: Axes | None) -> float:
        """Lay out the page and return its height in inches."""
        y = _write(on, heading, self.width / 2, _EDGE, _TITLE, "center") + 2 * _GAP
        for block in self.blocks:
            if block.section:
                lines = _wrap(block.section, self.width - 2 * _EDGE, _TITLE)
                y = _write(on, lines, _EDGE, y, _TITLE, weight="bold") + _GAP
            if block.title:
                y = _write(on, _wrap(block.title, self.width - self.left, _TEXT), self.left, y, _TEXT) + _GAP
            y = self._words(on, block.heads, y, bottom=True) + (_GAP / 2 if block.heads else 0)
            for row in block.rows:
                y = self._row(on, row, y) + _GAP
            y += 2 * _GAP
        return round(y * DPI) / DPI

    def _x(self, column: int) -> float:
        return round((self.left + column * (self.side + _GAP)) * DPI) / DPI

    def _words(self, on: Axes | None, words: Sequence[str], y: float, *, bottom: bool = False) -> float:
        """Write words over or under the images of a row, each within its column, and return the next ``y``."""
        lines = [_wrap(word, self.side, _SMALL) for word in words]
        most = max(map(len, lines), default=0)
        for column, each in enumerate(lines):
            top = y + (most - len(each)) * bottom * _SMALL * _LINE / 72
            _write(on, each, self._x(column) + self.side / 2, top, _SMALL, "center")
        return y + most * _SMALL * _LINE / 72

    def _row(self, on: Axes | None, row: Row, y: float) -> float:
        y = round(y * DPI) / DPI
        if on is not None:
            if row.label:
                middle = y + self.side / 2
                on.text(self.left - _GAP, middle, plain(row.label), size=_SMALL, rotation=90, va="center", ha="right")
            for column, each in enumerate(row.tiles):
                if each is not None:
                    self._picture(on, each, self._x(column), y)
        captions = [each.caption if each else "" for each in row.tiles]
        return self._words(on, captions, y + self.side + _GAP) if any(captions) else y + self.side

    def _picture(self, on: Axes, each: Tile, x: float, y: float) -> None:
        extent = (x, x + self.side, y + self.side, y)
        dots = tile(each.picture, round(self.side * DPI))
        on.imshow(dots, extent=extent, interpolation="none", aspect="auto", origin="upper")
        if each.framed:
            frame = Rectangle((x, y), self.side, self.side, fill=False, edgecolor=ORANGE, linewidth=1.5, zorder=3)
            on.add_patch(frame)


def _write(
    on: Axes | None, lines: Sequence[str], x: float, y: float, points: float, ha: str = "left", weight: str = "normal"
) -> float:
    """Draw lines from ``y`` down and return the next ``y``."""
    for line in lines:
        if on is not None:
            on.text(x, y, plain(line), size=points, ha=ha, va="top", weight=weight)
        y += points * _LINE / 72
    return y


def _wrap(text: str, inches: float, points: float) -> list[str]:
    return wrap(text, inches * 72 / points * 100, 100)


def write_places(blocks: Sequence[Block], path: Path) -> None:
    """Write the table beside a figure, .csv: the place of each image (run, pair, strength, seed), counted from 1."""
    rows = [
        {"block": b, "row": r, "column": c, **each.places}
        for b, block in enumerate(blocks, 1)
        for r, row in enumerate(block.rows, 1)
        for c, each in enumerate(row.tiles, 1)
        if each is not None
    ]
    more = [name for name in rows[0] | rows[-1] if name not in PLACE_COLUMNS]
    table = pd.DataFrame(rows, columns=[*PLACE_COLUMNS, *more]).astype({"seed": "Int64"})
    with writing(path):
        table.to_csv(path, index=False, float_format="%.6f", lineterminator="\n")
