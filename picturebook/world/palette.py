"""The world's colours."""

from __future__ import annotations

Color = tuple[int, int, int]

COLORS: dict[str, Color] = {
    "red": (214, 48, 44),
    "blue": (44, 96, 214),
    "green": (44, 150, 70),
    "yellow": (244, 204, 44),
    "orange": (240, 140, 40),
    "pink": (240, 130, 170),
    "brown": (146, 92, 48),
    "black": (44, 42, 48),
    "white": (240, 238, 232),
    "gray": (146, 148, 156),
    "": (0, 0, 0),
}
"""Colours that subjects have and texts name; a kind without a colour of its own has the name ``""``."""

DARK: Color = (34, 30, 34)
METAL: Color = (190, 190, 196)
WOOD: Color = (126, 84, 52)


def shade(color: Color, by: float) -> Color:
    """Return a darker (``by`` < 0) or lighter (``by`` > 0) colour, with ``by`` from -1 to 1."""
    target = 255 if by > 0 else 0
    r, g, b = (round(c + (target - c) * abs(by)) for c in color)
    return r, g, b
