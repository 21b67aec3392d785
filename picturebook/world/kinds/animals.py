"""Animals on four legs: dog, cat, horse."""

from __future__ import annotations

from picturebook.world.brush import Brush, Point
from picturebook.world.kinds.kind import Anchors, kind
from picturebook.world.palette import DARK, Color, shade

_POSES = {
    "standing": ("standing {c}{n}", "{c}{n} standing"),
    "sitting": ("sitting {c}{n}", "{c}{n} sitting", "{c}{n} sitting down"),
    "lying": ("lying {c}{n}", "{c}{n} lying", "{c}{n} lying down"),
    "jumping": ("jumping {c}{n}", "{c}{n} jumping"),
}
_THINGS = {"box": ("beside", "on", "over"), "chair": ("beside", "on"), "tree": ("beside",)}


def _head(b: Brush, kind: str, u: float, v: float, fill: Color) -> Anchors:
    """Draw a dog's or cat's head, looking along +u."""
    far, light = shade(fill, -0.25), shade(fill, 0.25)
    if kind == "dog":
        b.blob(u + 0.13, v - 0.04, 0.10, 0.065, light)
        b.blob(u, v, 0.135, 0.125, fill)
        b.blob(u - 0.09, v - 0.03, 0.05, 0.115, far, 12)
        b.blob(u + 0.22, v - 0.015, 0.032, 0.03, DARK)
    else:
        for du in (-0.085, 0.065):
            b.shape([(u + du - 0.06, v + 0.05), (u + du, v + 0.23), (u + du + 0.065, v + 0.05)], far)
        b.blob(u, v, 0.145, 0.125, fill)
        b.blob(u + 0.08, v - 0.045, 0.06, 0.045, light)
        b.blob(u + 0.125, v - 0.025, 0.022, 0.018, (222, 110, 120))
    b.blob(u + 0.055, v + 0.035, 0.028, 0.034, DARK)
    return {"head": (u - 0.01, v + 0.10), "mouth": (u + 0.20, v - 0.08), "neck": (u - 0.06, v - 0.14)}


def _small(b: Brush, name: str, state: str, fill: Color) -> Anchors:
    far, light, wide = shade(fill, -0.3), shade(fill, 0.18), 0.07 if name == "dog" else 0.055

    def tail(*points: Point) -> None:
        b.limb(points, wide, fill)

    if state == "standing":
        for u in (-0.30, 0.20):
            b.limb([(u + 0.07, 0.36), (u + 0.08, 0.04)], 0.09, far)
        tail((-0.38, 0.52), (-0.52, 0.62), (-0.54, 0.78))
        b.blob(-0.04, 0.46, 0.40, 0.165, fill)
        b.blob(-0.04, 0.38, 0.28, 0.07, light)
        for u in (-0.32, 0.22):
            b.limb([(u, 0.40), (u, 0.04)], 0.10, fill)
        b.limb([(0.24, 0.52), (0.38, 0.70)], 0.20, fill)
        return _head(b, name, 0.42, 0.76, fill)
    if state == "sitting":
        tail((-0.28, 0.08), (-0.46, 0.08), (-0.54, 0.20))
        b.limb([(0.20, 0.46), (0.22, 0.04)], 0.09, far)
        b.shape(
            [(-0.34, 0.04), (-0.36, 0.26), (-0.10, 0.66), (0.10, 0.78), (0.22, 0.66), (0.20, 0.30), (0.10, 0.04)], fill
        )
        b.blob(-0.20, 0.18, 0.20, 0.18, fill)
        b.limb([(-0.16, 0.05), (0.04, 0.05)], 0.10, far)
        b.limb([(0.12, 0.50), (0.14, 0.05)], 0.10, fill)
        b.blob(0.14, 0.50, 0.07, 0.14, light)
        return _head(b, name, 0.16, 0.88, fill)
    if state == "lying":
        tail((-0.42, 0.12), (-0.60, 0.07), (-0.70, 0.12))
        b.limb([(0.20, 0.06), (0.52, 0.05)], 0.09, far)
        b.blob(-0.06, 0.17, 0.44, 0.165, fill)
        b.blob(-0.30, 0.15, 0.18, 0.15, fill)
        b.limb([(-0.34, 0.05), (-0.12, 0.05)], 0.09, far)
        b.limb([(0.14, 0.07), (0.44, 0.05)], 0.10, fill)
        b.limb([(0.24, 0.20), (0.36, 0.32)], 0.18, fill)
        return _head(b, name, 0.42, 0.37, fill)
    b.limb([(-0.26, 0.50), (-0.50, 0.34), (-0.66, 0.30)], 0.09, far)
    b.limb([(0.30, 0.70), (0.52, 0.74), (0.62, 0.66)], 0.09, far)
    tail((-0.36, 0.58), (-0.54, 0.68), (-0.66, 0.82))
    b.blob(-0.02, 0.64, 0.40, 0.155, fill, 22)
    b.blob(0.02, 0.57, 0.28, 0.07, light, 22)
    b.limb([(-0.28, 0.48), (-0.44, 0.26), (-0.58, 0.20)], 0.10, fill)
    b.limb([(0.26, 0.68), (0.46, 0.62), (0.58, 0.54)], 0.10, fill)
    b.limb([(0.26, 0.80), (0.36, 0.92)], 0.19, fill)
    return _head(b, name, 0.44, 0.98, fill)


@kind(
    "dog dogs",
    states=_POSES,
    colors=("brown", "black", "white", "gray"),
    size=(0.46, 0.60),
    reach=0.70,
    shadow=0.48,
    accessories=("hat", "scarf", "ball", "frisbee"),
    counts=(1, 2),
    relations=_THINGS,
)
def dog(b: Brush, state: str, fill: Color) -> Anchors:
    return _small(b, "dog", state, fill)


@kind(
    "cat cats",
    states=_POSES,
    colors=("orange", "black", "white", "gray"),
    size=(0.44, 0.58),
    reach=0.70,
    shadow=0.48,
    accessories=("hat", "scarf", "ball"),
    counts=(1, 2),
    relations=_THINGS,
)
def cat(b: Brush, state: str, fill: Color) -> Anchors:
    return _small(b, "cat", state, fill)


def _horse_head(b: Brush, poll: Point, nose: Point, fill: Color) -> Anchors:
    (u, v), (un, vn) = poll, nose
    b.limb([poll, nose], 0.105, fill)
    b.blob(un, vn, 0.062, 0.06, shade(fill, 0.2))
    b.shape([(u - 0.055, v + 0.02), (u - 0.03, v + 0.14), (u + 0.03, v + 0.04)], shade(fill, -0.2))
    b.blob(u + (un - u) * 0.3, v + (vn - v) * 0.3 + 0.015, 0.02, 0.024, DARK)
    return {"head": (u, v + 0.05), "mouth": (un, vn), "neck": (u * 0.6 + 0.12, v * 0.5 + 0.30)}


@kind(
    "horse horses",
    states={
        "standing": ("standing {c}{n}", "{c}{n} standing"),
        "grazing": ("grazing {c}{n}", "{c}{n} eating from the ground", "{c}{n} with a lowered head"),
        "rearing": ("rearing {c}{n}", "{c}{n} rearing up", "{c}{n} standing on two legs"),
    },
    colors=("brown", "black", "white", "gray"),
    size=(0.56, 0.70),
    reach=0.62,
    shadow=0.44,
    accessories=("ball",),
    relations={"tree": ("beside",), "box": ("beside",)},
)
def horse(b: Brush, state: str, fill: Color) -> Anchors:
    far, mane = shade(fill, -0.28), shade(fill, -0.5) if sum(fill) > 200 else shade(fill, 0.35)
    hoof = DARK if sum(fill) > 200 else shade(fill, 0.4)

    def leg(*points: Point, fill: Color = fill) -> None:
        b.limb(points, 0.085, fill)
        b.limb([points[-1], points[-1]], 0.075, hoof)

    if state == "rearing":
        b.limb([(-0.32, 0.40), (-0.48, 0.34), (-0.52, 0.14)], 0.07, mane)
        leg((-0.20, 0.34), (-0.10, 0.20), (-0.12, 0.04), fill=far)
        leg((0.16, 0.66), (0.36, 0.66), (0.38, 0.52), fill=far)
        b.blob(-0.06, 0.50, 0.32, 0.165, fill, 52)
        leg((-0.22, 0.36), (-0.28, 0.20), (-0.26, 0.04))
        leg((0.14, 0.62), (0.32, 0.56), (0.32, 0.40))
        b.limb([(0.02, 0.82), (0.10, 1.02)], 0.10, mane)
        b.limb([(0.08, 0.72), (0.18, 0.98)], 0.16, fill)
        return _horse_head(b, (0.20, 1.02), (0.40, 0.96), fill)
    for u in (-0.26, 0.20):
        leg((u + 0.07, 0.42), (u + 0.08, 0.04), fill=far)
    b.limb([(-0.36, 0.58), (-0.46, 0.48), (-0.46, 0.24)], 0.07, mane)
    b.blob(-0.05, 0.52, 0.35, 0.155, fill)
    for u in (-0.30, 0.18):
        leg((u, 0.46), (u, 0.04))
    if state == "grazing":
        b.limb([(0.22, 0.66), (0.42, 0.36)], 0.10, mane)
        b.limb([(0.20, 0.56), (0.40, 0.30)], 0.16, fill)
        return _horse_head(b, (0.42, 0.27), (0.50, 0.09), fill)
    b.limb([(0.17, 0.66), (0.32, 0.90)], 0.10, mane)
    b.limb([(0.22, 0.58), (0.37, 0.84)], 0.16, fill)
    return _horse_head(b, (0.39, 0.88), (0.55, 0.76), fill)
