"""The layout of every page of images: cells in rows and columns, each with one or more images and their texts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from tedbench.fonts import draw_text
from tedbench.image import square
from tedbench.wrap import wrap

TILE = 160
"""Default side of an image on the page, in pixels."""

_MARGIN, _GAP, _GUTTER = 32, 4, 20  # pixels: at the page's edge; between a cell's pictures; between cells
_PLACEHOLDER, _PAPER = (222, 224, 228), (255, 255, 255)
_ASPECT = 1.5  # approximate width : height of a page


class _Style(NamedTuple):
    size: int
    ink: tuple[int, int, int]

    @property
    def line(self) -> int:
        """Line height in pixels."""
        return round(self.size * 1.32)


_TITLE, _TEXT, _SUBTITLE = _Style(30, (28, 30, 34)), _Style(14, (28, 30, 34)), _Style(14, (110, 114, 120))
_NOTE = _Style(11, (110, 114, 120))


def _small(side: int) -> _Style:
    """Return the style of captions, which is larger for large images."""
    return _Style(max(11, side // 15), _TEXT.ink)


class Cell(NamedTuple):
    """Images side by side, with texts below.

    Attributes:
        pictures: (H, W, 3) uint8 each, whose centre square is shown; or the reason why there is none.
        text: below the images.
        note: below the text, small and grey.
        captions: small, below each image; or none at all.
    """

    pictures: tuple[np.ndarray | str, ...]
    text: str = ""
    note: str = ""
    captions: tuple[str, ...] = ()


class _Laid(NamedTuple):
    """A cell with its texts broken into lines."""

    cell: Cell
    side: int
    captions: list[list[str]]
    text: list[str]
    note: list[str]

    @classmethod
    def of(cls, cell: Cell, side: int, width: int) -> _Laid:
        captions = [wrap(caption, side, _small(side).size) for caption in cell.captions]
        return cls(cell, side, captions, wrap(cell.text, width, _TEXT.size), wrap(cell.note, width, _NOTE.size))

    @property
    def head(self) -> int:
        """Height of the images with their captions."""
        return self.side + 6 + _small(self.side).line * max(map(len, self.captions), default=0)

    @property
    def height(self) -> int:
        return self.head + 2 + _TEXT.line * len(self.text) + _NOTE.line * len(self.note)


def tile(image: np.ndarray, side: int = TILE) -> np.ndarray:
    """Resize the centre square of an image to (side, side, 3) uint8; small drawings stay sharp."""
    own = min(image.shape[:2])
    if own >= side:
        return square(image, side)
    return np.asarray(Image.fromarray(square(image, own)).resize((side, side), Image.Resampling.LANCZOS))


def draw_sheet(
    cells: Sequence[Cell], title: str, subtitle: str = "", columns: int | None = None, side: int = TILE
) -> Image.Image:
    """Draw cells in reading order on one page.

    Args:
        cells: at least one.
        title, subtitle: above the cells.
        columns: number of cells in a row; None makes the page about half as wide again as high.
        side: of an image, in pixels.
    """
    inner = max(len(cell.pictures) for cell in cells)
    width = inner * side + (inner - 1) * _GAP
    laid = [_Laid.of(cell, side, width) for cell in cells]
    typical = sum(each.height for each in laid) / len(laid) + _GUTTER
    if columns is None:
        columns = min(len(laid), max(1, round(math.sqrt(_ASPECT * len(laid) * typical / (width + _GUTTER)))))
    rows = [laid[i : i + columns] for i in range(0, len(laid), columns)]
    page_width = max(columns * (width + _GUTTER) - _GUTTER, 2 * side) + 2 * _MARGIN
    lines = wrap(title, page_width - 2 * _MARGIN, _TITLE.size)
    below = wrap(subtitle, page_width - 2 * _MARGIN, _SUBTITLE.size)
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


def stack(pages: Sequence[Image.Image]) -> Image.Image:
    """Join pages from top to bottom, flush left."""
    whole = Image.new("RGB", (max(page.width for page in pages), sum(page.height for page in pages)), _PAPER)
    top = 0
    for page in pages:
        whole.paste(page, (0, top))
        top += page.height
    return whole


def _put(page: Image.Image, at: tuple[int, int], laid: _Laid) -> None:
    (x, y), side, small = at, laid.side, _small(laid.side)
    for number, picture in enumerate(laid.cell.pictures):
        left = x + number * (side + _GAP)
        if isinstance(picture, str):
            page.paste(_PLACEHOLDER, (left, y, left + side, y + side))
            room = (side - 16) // small.line
            _write(page, (left + 8, y + 8), wrap(picture, side - 16, small.size)[:room], small)
        else:
            page.paste(Image.fromarray(tile(picture, side)), (left, y))
    for number, caption in enumerate(laid.captions):
        middle = x + number * (side + _GAP) + side / 2
        _write(page, (middle, y + side + 4), caption, small, "ma")
    y = _write(page, (x, y + laid.head), laid.text, _TEXT)
    _write(page, (x, y), laid.note, _NOTE)


def _write(page: Image.Image, at: tuple[float, int], lines: Sequence[str], style: _Style, anchor: str = "la") -> int:
    """Draw lines of text and return the y of the next one."""
    x, y = at
    draw = ImageDraw.Draw(page)
    for line in lines:
        draw_text(draw, (x, y), line, style.size, style.ink, anchor)
        y += style.line
    return y
