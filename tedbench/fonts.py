"""Text in images and figures: DejaVu Sans, and the machine's own fonts for characters that it lacks."""

from __future__ import annotations

import re
import unicodedata
import warnings
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import ImageDraw, ImageFont

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WORSE = ("bold", "italic", "oblique", "black", "heavy", "thin", "light", "condensed", "mono", "serif", "hint")
_CJK = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "FULLWIDTH", "HALFWIDTH", "IDEOGRAPHIC")
_PACKAGES = {"CJK": "fonts-noto-cjk", "SYMBOL": "fonts-symbola"}  # Debian's; fonts-noto-core has the other scripts


@cache
def main_font() -> str:
    """Return the file of DejaVu Sans, which comes with matplotlib: Latin, Greek, Cyrillic, Arabic and many symbols."""
    import matplotlib

    return str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"))


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return DejaVu Sans at a size in pixels."""
    return _face(main_font(), size)


def length(text: str, size: int) -> float:
    """Return the width in pixels of a text drawn by :func:`draw_text`."""
    return sum(_face(path, size).getlength(part) for path, part in parts(text))


def draw_text(
    draw: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    size: int,
    ink: tuple[int, int, int],
    anchor: str = "la",
) -> None:
    """Draw a line of text, with the machine's fonts for characters that DejaVu Sans lacks.

    Args:
        draw: of the image.
        at: x and y in pixels.
        text: one line.
        size: of the font in pixels.
        ink: its colour.
        anchor: position of ``at`` in the text: l or m (left, middle) and a or m (top of the line, middle), as in
            Pillow.
    """
    found = parts(text)
    if [path for path, _ in found] == [main_font()]:
        draw.text(at, text, ink, font(size), anchor=anchor)
        return
    (x, y), (above, below) = at, font(size).getmetrics()
    x -= length(text, size) / 2 if anchor[0] == "m" else 0
    y += above if anchor[1] == "a" else (above - below) / 2
    for path, part in found:
        draw.text((x, y), part, ink, _face(path, size), anchor="ls")
        x += _face(path, size).getlength(part)


def cover_figure(figure: Figure) -> None:
    """Set fallback fonts for a figure's texts that have characters DejaVu Sans lacks."""
    from matplotlib.text import Text

    for axes in figure.axes:  # makes the ticks, which are texts too
        axes.get_xticklabels()
        axes.get_yticklabels()
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        others = [path for path, _ in parts(text.get_text()) if path != main_font()]
        if others:
            text.set_fontfamily([*text.get_fontfamily(), *map(_family, dict.fromkeys(others))])
    if _told:  # matplotlib would warn of each character
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")


@lru_cache(4096)
def parts(text: str) -> tuple[tuple[str, str], ...]:
    """Split a text into (font file, piece), in order.

    All of it is in DejaVu Sans; or, if that lacks letters, in one other font that has every character; or it is split
    into pieces. A character that no font has stays in DejaVu Sans, as a box; a warning says so, once for each script.
    """
    signs = {sign for sign in text if _is_drawn(sign)}
    lacking = sorted(sign for sign in signs if not _in_main(sign))
    if not lacking:
        return ((main_font(), text),)
    _search(lacking)
    _tell([sign for sign in lacking if _where[sign] is None])
    letters = [sign for sign in lacking if unicodedata.category(sign)[0] not in "SC"]
    for path in dict.fromkeys(filter(None, (_where[sign] for sign in letters))):
        if not _without(path, signs):
            return ((path, text),)
    found: list[tuple[str, str]] = []
    for sign in text:
        stays = found and (not _is_drawn(sign) or unicodedata.category(sign).startswith("M"))
        path = found[-1][0] if stays else _where.get(sign) or main_font()
        if found and found[-1][0] == path:
            found[-1] = (path, found[-1][1] + sign)
        else:
            found.append((path, sign))
    return tuple(found)


_where: dict[str, str | None] = {}  # the machine's first font that has a character; None if none has
_told: set[str] = set()


def _is_drawn(sign: str) -> bool:
    """True if a character needs a font: not spaces, joiners, direction marks or variation selectors."""
    return not (sign.isspace() or unicodedata.category(sign) in ("Cc", "Cf", "Cs") or "\ufe00" <= sign <= "\ufe0f")


@cache
def _in_main(sign: str) -> bool:
    return not _without(main_font(), {sign})


def _without(path: str, signs: set[str]) -> set[str]:
    """Return the characters that a font lacks; all, if it cannot be used: no font, or a bitmap font."""
    from matplotlib.ft2font import FT2Font

    try:
        face = FT2Font(path)
        return {sign for sign in signs if not face.get_char_index(ord(sign))} if face.scalable else signs
    except (OSError, RuntimeError, ValueError):
        return signs


def _search(signs: list[str]) -> None:
    """Search the machine's fonts once for characters that were not searched for before."""
    unknown = {sign for sign in signs if sign not in _where}
    for path in _machine_fonts() if unknown else ():
        here = unknown - _without(path, unknown)
        _where.update(dict.fromkeys(here, path))
        unknown -= here
        if not unknown:
            return
    _where.update(dict.fromkeys(unknown))


@cache
def _machine_fonts() -> list[str]:
    """Return font files, plain faces first, without matplotlib's own for formulas and missing characters."""
    import matplotlib
    from matplotlib import font_manager

    known = {entry.fname for entry in font_manager.fontManager.ttflist} | set(font_manager.findSystemFonts())
    own = matplotlib.get_data_path()

    def rank(path: str) -> tuple[int, bool, str]:
        name = Path(path).stem.lower()
        return sum(word in name.replace("sansserif", "") for word in _WORSE), "sans" not in name, path

    usable = [path for path in known if not path.startswith(own) and "lastresort" not in Path(path).stem.lower()]
    return sorted(usable, key=rank)


@cache
def _family(path: str) -> str:
    """Return the name by which matplotlib finds a font's file."""
    from matplotlib.font_manager import fontManager

    known = [entry.name for entry in fontManager.ttflist if entry.fname == path]
    if not known:
        fontManager.addfont(path)
        known = [fontManager.ttflist[-1].name]
    return known[0]


@cache
def _face(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


def _tell(signs: list[str]) -> None:
    """Warn of characters that stay boxes, once for each script."""
    lacking: dict[str, str] = {}
    for sign in signs:
        script = re.split("[ -]", unicodedata.name(sign, "SIGN"))[0]
        script = "CJK" if script in _CJK else "SYMBOL" if unicodedata.category(sign).startswith("S") else script
        lacking[script] = lacking.get(script, "") + sign
    for script in lacking.keys() - _told:
        _told.add(script)
        warnings.warn(
            f"no font on this machine has {' '.join(lacking[script][:8])}, which pictures and figures show as boxes; "
            f"install one, such as Debian's {_PACKAGES.get(script, 'fonts-noto-core')}",
            stacklevel=2,
        )
