from __future__ import annotations

import numpy as np
import pytest

from tedbench.fonts import length
from tedbench.sheet import Cell, draw_sheet
from tedbench.wrap import wrap


@pytest.mark.parametrize("side", [40, 160, 200])
def test_pictures_have_the_side_that_was_asked_for(side):
    red = np.full((64, 96, 3), (255, 0, 0), np.uint8)
    page = np.asarray(draw_sheet([Cell((red,))], "Title", side=side))
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


def test_lines_are_as_wide_as_there_is_room_and_long_words_are_broken():
    text = "some words and a_word_that_is_much_longer_than_a_line of text"
    lines = wrap(text, 90, 14)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(length(line, 14) <= 90 for line in lines) and len(lines) < len(text) / 6
    assert all(line == line.strip() for line in lines)


def test_line_breaks_are_kept_and_there_is_none_at_a_no_break_space():
    assert wrap("one\n\ntwo", 1000, 14) == ["one", "", "two"]
    assert wrap("one two\N{NO-BREAK SPACE}three", length("one two", 14) + 1, 14)[0] == "one"
    assert wrap("", 90, 14) == []
