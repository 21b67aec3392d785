"""Text in pictures, in scripts that DejaVu Sans lacks."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from PIL import Image, ImageDraw

from eval.present.figures.style import plt, save
from tedbench import fonts
from tedbench.fonts import draw_text, font, length, main_font, parts
from tedbench.sheet import Cell, draw_sheet

DOG = "\u72ac"


def triangles(path: Path, letters: str) -> Path:
    """A font whose letters are black triangles."""
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "triangle"])
    builder.setupCharacterMap({ord(letter): "triangle" for letter in letters})
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    pen.lineTo((500, 800))
    pen.lineTo((1000, 0))
    pen.closePath()
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "triangle": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (1000, 0), "triangle": (1000, 0)})
    builder.setupHorizontalHeader(ascent=1200, descent=-300)
    builder.setupNameTable({"familyName": f"Triangles {path.stem}", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    return path


@pytest.fixture
def machine(monkeypatch):
    """A machine with these fonts besides DejaVu Sans."""

    def set_up(*paths: Path) -> None:
        fonts.parts.cache_clear()
        monkeypatch.setattr(fonts, "_machine_fonts", lambda: [str(path) for path in paths])
        monkeypatch.setattr(fonts, "_where", {})
        monkeypatch.setattr(fonts, "_told", set())

    yield set_up
    fonts.parts.cache_clear()


def drawn(text: str, anchor: str = "la") -> np.ndarray:
    page = Image.new("L", (200, 60), 255)
    draw_text(
        ImageDraw.Draw(page), (100 if anchor[0] == "m" else 10, 30 if anchor[1] == "m" else 10), text, 20, 0, anchor
    )
    return np.asarray(page)


def test_ordinary_text_is_drawn_in_dejavu_and_asks_for_no_other_font(machine):
    machine()
    page = Image.new("L", (200, 60), 255)
    ImageDraw.Draw(page).text((10, 10), "η = 0.5, Собака", font=font(20), fill=0)
    assert np.array_equal(drawn("η = 0.5, Собака"), np.asarray(page))
    assert length("η = 0.5", 20) == font(20).getlength("η = 0.5")


@pytest.mark.parametrize("anchor", ["la", "lm", "mm"])
def test_what_dejavu_lacks_is_drawn_with_a_font_that_has_it(machine, tmp_path, anchor):
    machine()
    with pytest.warns(UserWarning, match=f"no font on this machine has {DOG}.*fonts-noto-cjk"):
        boxes = drawn(f"a {DOG}", anchor)
    machine(triangles(tmp_path / "other.ttf", "\u732b"), triangles(tmp_path / "some.ttf", DOG))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = drawn(f"a {DOG}", anchor)
    assert not np.array_equal(found, boxes)
    assert (found < 128).sum() > 100  # the triangle is filled, a box is not
    assert [Path(path).name for path, _ in parts(f"a {DOG} b")] == ["DejaVuSans.ttf", "some.ttf", "DejaVuSans.ttf"]


def test_one_font_that_has_every_letter_is_taken_for_all(machine, tmp_path):
    machine(triangles(tmp_path / "some.ttf", DOG), triangles(tmp_path / "all.ttf", f"{DOG}\u732b"))
    assert [Path(path).name for path, _ in parts(f"{DOG} \u732b")] == ["all.ttf"]


def test_boxes_are_told_of_once_for_each_script(machine):
    machine()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for text in (DOG, "\u732b", f"{DOG} \u3060", "\u0915\u0941", "\U0001f436"):
            draw_sheet([Cell((np.zeros((8, 8, 3), np.uint8),), text, text)], "Title")
    assert [str(each.message).rpartition(" ")[2] for each in told] == [
        "fonts-noto-cjk",
        "fonts-noto-core",
        "fonts-symbola",
    ]


def test_a_figure_takes_the_machines_fonts_and_says_what_none_has(machine, tmp_path):
    def figure(path: Path) -> bytes:
        made = plt.figure(figsize=(1, 1))
        axes = made.add_axes((0.1, 0.3, 0.8, 0.6))
        axes.set_title(f"a {DOG}")
        axes.set_xticks([0], [DOG])
        save(made, path)
        return path.with_suffix(".png").read_bytes()

    machine()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        boxes = figure(tmp_path / "boxes")
    assert [DOG in str(each.message) for each in told] == [True]
    machine(triangles(tmp_path / "some.ttf", DOG))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert figure(tmp_path / "letters") != boxes


def test_the_main_font_comes_with_matplotlib():
    assert Path(main_font()).is_file()
