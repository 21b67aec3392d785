"""Line breaks for text in images and figures."""

from __future__ import annotations

import re
import unicodedata

from tedbench.fonts import length


def wrap(text: str, width: float, size: int) -> list[str]:
    """Break a text into lines.

    Args:
        text: its own line breaks are kept, and there is none at a no-break space.
        width: of a line in pixels; a longer word is broken too.
        size: of the font in pixels.
    """
    lines: list[str] = []
    for paragraph in text.splitlines():
        line = ""
        for word in filter(None, re.split(r"[ \t]+", paragraph)):
            if line and length(f"{line} {word}", size) <= width:
                line = f"{line} {word}"
                continue
            lines += [line] if line else []
            *full, line = _broken(word, width, size)
            lines += full
        lines.append(line)
    return lines


def _broken(word: str, width: float, size: int) -> list[str]:
    pieces = [""]
    for letter in word:
        mark = unicodedata.category(letter).startswith("M")  # stays with its letter
        if pieces[-1] and not mark and length(pieces[-1] + letter, size) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces
