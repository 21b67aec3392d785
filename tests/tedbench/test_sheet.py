from __future__ import annotations

import numpy as np
import pytest

from tedbench.sheet import Cell, draw_sheet, tile


@pytest.mark.parametrize("side", [40, 160, 200])
def test_pictures_have_the_side_that_was_asked_for(side):
    red = np.full((64, 96, 3), (255, 0, 0), np.uint8)
    page = np.asarray(draw_sheet([Cell((tile(red, side),), "")], "Title", side=side))
    assert (page == (255, 0, 0)).all(axis=2).sum() == side * side


def test_captions_stand_under_their_pictures_and_above_the_text():
    tiles = tuple(np.full((160, 160, 3), color, np.uint8) for color in (200, 210))
    plain = np.asarray(draw_sheet([Cell(tiles, "text")], ""))
    page = np.asarray(draw_sheet([Cell(tiles, "text", captions=("", "below the second " * 3))], ""))
    assert page.shape[0] > plain.shape[0]
    rows, columns = np.nonzero((page < 100).any(axis=2))
    below = rows.max() - 20  # the line of the text
    assert columns[rows < below].min() >= 32 + 160 + 4
    assert columns[rows >= below].min() < 32 + 10
