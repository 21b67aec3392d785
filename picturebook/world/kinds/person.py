"""The person, whose colour is that of the shirt."""

from __future__ import annotations

from picturebook.world.brush import Brush, Point
from picturebook.world.kinds.kind import Anchors, kind
from picturebook.world.palette import DARK, Color, shade

Arm = tuple[Point, Point, Point]


def _down(side: int) -> Arm:
    return (side * 0.12, 0.72), (side * 0.19, 0.57), (side * 0.20, 0.42)


def _up(side: int) -> Arm:
    return (side * 0.12, 0.72), (side * 0.25, 0.84), (side * 0.29, 1.04)


def _out(side: int) -> Arm:
    return (side * 0.12, 0.72), (side * 0.28, 0.715), (side * 0.46, 0.72)


_ARMS = {"plain": (_down, _down), "waving": (_down, _up), "raised": (_up, _up), "outstretched": (_out, _out)}


@kind(
    "person people",
    states={
        "plain": ("{n}{c} with arms down", "standing {n}{c}", "{n}{c} standing"),
        "waving": ("{n}{c} waving", "waving {n}{c}", "{n}{c} waving a hand"),
        "raised": ("{n}{c} raising both arms", "{n}{c} with raised arms", "cheering {n}{c}"),
        "outstretched": ("{n}{c} with outstretched arms", "{n}{c} stretching out both arms"),
        "crossed": ("{n}{c} with crossed arms", "{n}{c} crossing both arms"),
    },
    colors=("red", "blue", "green", "yellow"),
    size=(0.62, 0.74),
    reach=0.46,
    shadow=0.28,
    accessories=("hat", "ball"),
    counts=(1, 2),
    relations={"tree": ("beside",), "chair": ("beside",), "box": ("beside",)},
)
def person(b: Brush, state: str, fill: Color) -> Anchors:
    skin, hair, trousers = (236, 188, 152), (74, 48, 36), (58, 66, 98)
    for u in (-0.07, 0.07):
        b.limb([(u, 0.44), (u * 1.15, 0.04)], 0.115, trousers if u > 0 else shade(trousers, -0.2))
        b.limb([(u * 1.15, 0.02), (u * 1.15 + 0.05, 0.02)], 0.06, DARK)
    sleeve = shade(fill, -0.22)
    for side, arm in zip((-1, 1), _ARMS.get(state, ()), strict=False):
        shoulder, elbow, hand = arm(side)
        b.limb([elbow, hand], 0.085, skin)
        b.limb([shoulder, elbow], 0.10, sleeve)
        b.blob(*hand, 0.06, 0.06, skin)
    b.limb([(-0.07, 0.70), (-0.06, 0.46)], 0.17, fill)
    b.limb([(0.07, 0.70), (0.06, 0.46)], 0.17, fill)
    if state == "crossed":
        for side in (-1, 1):
            b.limb([(side * 0.14, 0.72), (side * 0.22, 0.58)], 0.09, sleeve)
        b.limb([(-0.22, 0.57), (0.13, 0.63)], 0.085, skin)
        b.limb([(0.22, 0.57), (-0.13, 0.63)], 0.085, shade(skin, -0.1))
    b.limb([(0.0, 0.78), (0.0, 0.82)], 0.08, shade(skin, -0.15))
    b.blob(0, 0.925, 0.115, 0.12, hair)
    b.blob(0.02, 0.895, 0.095, 0.095, skin)
    for u in (-0.02, 0.065):
        b.blob(u, 0.905, 0.015, 0.019, DARK)
    return {"head": (0.0, 0.98)}
