"""Contact sheets: pictures side by side with a text under them, on one page."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from tedbench.fonts import draw_text, length
from tedbench.image import square

TILE = 160
"""Side of a picture on the page, in pixels."""

_MARGIN, _GAP, _GUTTER = 32, 4, 20  # page edge; between a cell's pictures; between cells
_GREY, _PAPER = (222, 224, 228), (255, 255, 255)
_RATIO = 1.5  # of a page's width to its height, about


class _Style(NamedTuple):
    size: int
    ink: tuple[int, int, int]

    @property
    def line(self) -> int:
        """Pixels from one line to the next."""
        return round(self.size * 1.32)


_TITLE, _TEXT, _SUBTITLE = _Style(30, (28, 30, 34)), _Style(14, (28, 30, 34)), _Style(14, (110, 114, 120))
_NOTE, _REASON = _Style(11, (110, 114, 120)), _Style(11, (28, 30, 34))


class Cell(NamedTuple):
    """What belongs to one pair.

    Attributes:
        pictures: (side, side, 3) uint8 each, or the reason why there is none.
        text: stands under them.
        note: stands small and grey under the text.
        captions: one for each picture, small, right under it; or none.
    """

    pictures: tuple[np.ndarray | str, ...]
    text: str
    note: str = ""
    captions: tuple[str, ...] = ()


class _Laid(NamedTuple):
    """A cell with its texts in lines."""

    cell: Cell
    side: int
    captions: list[list[str]]
    text: list[str]
    note: list[str]

    @classmethod
    def of(cls, cell: Cell, side: int, width: int) -> _Laid:
        captions = [_wrap(caption, _REASON, side) for caption in cell.captions]
        return cls(cell, side, captions, _wrap(cell.text, _TEXT, width), _wrap(cell.note, _NOTE, width))

    @property
    def head(self) -> int:
        """Height of the pictures with their captions."""
        return self.side + 6 + _REASON.line * max(map(len, self.captions), default=0)

    @property
    def height(self) -> int:
        return self.head + 2 + _TEXT.line * len(self.text) + _NOTE.line * len(self.note)


def tile(image: np.ndarray, side: int = TILE) -> np.ndarray:
    """An image's centre square at the size that cells take; a small drawing stays crisp."""
    own = min(image.shape[:2])
    if own >= side:
        return square(image, side)
    return np.asarray(Image.fromarray(square(image, own)).resize((side, side), Image.Resampling.LANCZOS))


def draw_sheet(
    cells: Sequence[Cell], title: str, subtitle: str = "", columns: int | None = None, side: int = TILE
) -> Image.Image:
    """One page with all cells in reading order.

    Args:
        cells: what is on it.
        title, subtitle: stand above.
        columns: of cells; without it, the page is about half as wide again as high.
        side: of a picture in pixels.
    """
    inner = max(len(cell.pictures) for cell in cells)
    width = inner * side + (inner - 1) * _GAP
    laid = [_Laid.of(cell, side, width) for cell in cells]
    typical = sum(each.height for each in laid) / len(laid) + _GUTTER
    if columns is None:
        columns = min(len(laid), max(1, round(math.sqrt(_RATIO * len(laid) * typical / (width + _GUTTER)))))
    rows = [laid[i : i + columns] for i in range(0, len(laid), columns)]
    page_width = max(columns * (width + _GUTTER) - _GUTTER, 2 * side) + 2 * _MARGIN
    lines = _wrap(title, _TITLE, page_width - 2 * _MARGIN)
    below = _wrap(subtitle, _SUBTITLE, page_width - 2 * _MARGIN)
    head = _TITLE.line * len(lines) + _SUBTITLE.line * len(below) + _GUTTER
    body = sum(max(each.height for each in row) + _GUTTER for row in rows) - _GUTTER
    page = Image.new("RGB", (page_width, head + body + 2 * _MARGIN), _PAPER)
    y = _write(page, (_MARGIN, _MARGIN), lines, _TITLE)
    y = _write(page, (_MARGIN, y), below, _SUBTITLE) + _GUTTER
    for row in rows:
        for place, each in enumerate(row):
            _put(page, (_MARGIN + place * (width + _GUTTER), y), each)
        y += max(each.height for each in row) + _GUTTER
    return page


def _put(page: Image.Image, at: tuple[int, int], laid: _Laid) -> None:
    (x, y), side = at, laid.side
    for number, picture in enumerate(laid.cell.pictures):
        left = x + number * (side + _GAP)
        if isinstance(picture, str):
            page.paste(_GREY, (left, y, left + side, y + side))
            room = (side - 16) // _REASON.line
            _write(page, (left + 8, y + 8), _wrap(picture, _REASON, side - 16)[:room], _REASON)
        else:
            page.paste(Image.fromarray(picture), (left, y))
    for number, caption in enumerate(laid.captions):
        _write(page, (x + number * (side + _GAP), y + side + 4), caption, _REASON)
    y = _write(page, (x, y + laid.head), laid.text, _TEXT)
    _write(page, (x, y), laid.note, _NOTE)


def _write(page: Image.Image, at: tuple[int, int], lines: Sequence[str], style: _Style) -> int:
    """Draws the lines and returns where the next one goes."""
    x, y = at
    draw = ImageDraw.Draw(page)
    for line in lines:
        draw_text(draw, (x, y), line, style.size, style.ink)
        y += style.line
    return y


def _wrap(text: str, style: _Style, width: int) -> list[str]:
    """Lines no wider than ``width`` pixels; a longer word is cut."""
    lines: list[str] = []
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and length(joined, style.size) <= width:
            lines[-1] = joined
        else:
            lines += _cut(word, style.size, width)
    return lines


def _cut(word: str, size: int, width: int) -> list[str]:
    pieces = [""]
    for letter in word:
        mark = unicodedata.category(letter).startswith("M")  # stays with its letter
        if pieces[-1] and not mark and length(pieces[-1] + letter, size) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces
