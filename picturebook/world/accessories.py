"""Accessories that a subject may wear, hold or have beside it: one function each, drawn at the subject's anchors."""

from __future__ import annotations

from collections.abc import Callable

from picturebook.world.brush import Brush
from picturebook.world.kinds import Anchors
from picturebook.world.palette import Color, shade

BALL = 0.14
"""The ball's radius, as a fraction of the subject's height."""

_FELT: Color = (112, 58, 150)
_WOOL: Color = (34, 150, 140)


def hat(b: Brush, anchors: Anchors) -> None:
    u, v = anchors["head"]
    b.shape([(u - 0.12, v), (u - 0.10, v + 0.20), (u + 0.10, v + 0.20), (u + 0.12, v)], _FELT)
    b.shape([(u - 0.12, v + 0.02), (u - 0.115, v + 0.07), (u + 0.115, v + 0.07), (u + 0.12, v + 0.02)], (250, 214, 90))
    b.limb([(u - 0.19, v), (u + 0.19, v)], 0.055, _FELT)


def scarf(b: Brush, anchors: Anchors) -> None:
    u, v = anchors["neck"]
    b.limb([(u - 0.10, v + 0.05), (u + 0.12, v - 0.03)], 0.11, _WOOL)
    b.limb([(u + 0.06, v - 0.03), (u + 0.02, v - 0.22)], 0.09, shade(_WOOL, -0.2))


def ball(b: Brush, anchors: Anchors) -> None:
    u, _ = anchors["ball"]
    b.blob(u, BALL, BALL, BALL, (250, 92, 40))
    b.blob(u, BALL, BALL, BALL * 0.34, (252, 250, 244), 25)


def frisbee(b: Brush, anchors: Anchors) -> None:
    u, v = anchors["mouth"]
    b.blob(u + 0.10, v, 0.19, 0.055, (250, 214, 40), 8)
    b.blob(u + 0.10, v + 0.012, 0.11, 0.028, (214, 160, 20), 8)


ACCESSORIES: dict[str, Callable[[Brush, Anchors], None]] = {
    "hat": hat,
    "scarf": scarf,
    "ball": ball,
    "frisbee": frisbee,
}
"""Every accessory, by the name that texts use."""
