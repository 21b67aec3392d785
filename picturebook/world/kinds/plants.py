"""The tree, and flowers in a vase."""

from __future__ import annotations

from picturebook.world.brush import Brush
from picturebook.world.kinds.kind import Anchors, kind
from picturebook.world.palette import Color, shade


@kind(
    "tree trees",
    states={
        "green": ("green {n}", "leafy {n}"),
        "autumn": ("autumn {n}", "{n} in autumn", "{n} with orange leaves"),
        "bare": ("bare {n}", "{n} without leaves", "dead {n}"),
        "apple": ("apple {n}", "{n} with apples", "{n} full of fruit"),
        "blossom": ("blossoming {n}", "{n} in blossom", "{n} with pink flowers"),
    },
    colors=("",),
    size=(0.60, 0.76),
    reach=0.44,
    shadow=0.34,
    accessories=("ball",),
    counts=(1, 2),
)
def tree(b: Brush, state: str, fill: Color) -> Anchors:
    bark = (110, 76, 52)
    b.shape([(-0.07, 0.0), (-0.045, 0.5), (0.045, 0.5), (0.07, 0.0)], bark)
    b.limb([(0, 0.36), (-0.17, 0.60)], 0.045, bark)
    b.limb([(0, 0.42), (0.18, 0.64)], 0.045, bark)
    if state == "bare":
        for line in (
            [(0, 0.45), (0.0, 0.76), (-0.05, 0.97)],
            [(-0.17, 0.60), (-0.31, 0.76), (-0.33, 0.90)],
            [(-0.12, 0.54), (-0.15, 0.84)],
            [(0.18, 0.64), (0.32, 0.78), (0.34, 0.92)],
            [(0.12, 0.57), (0.14, 0.88)],
            [(-0.25, 0.68), (-0.39, 0.72)],
            [(0.25, 0.70), (0.39, 0.72)],
        ):
            b.limb(line, 0.03, bark)
        return {}
    leaves = {"autumn": (232, 126, 34), "blossom": (244, 176, 204)}.get(state, (64, 150, 66))
    for u, v, r in ((-0.21, 0.62, 0.20), (0.21, 0.62, 0.20), (0.0, 0.58, 0.20), (0.0, 0.79, 0.215)):
        b.blob(u, v, r, r * 0.95, shade(leaves, -0.16))
    for u, v, r in ((-0.19, 0.66, 0.16), (0.18, 0.66, 0.15), (-0.02, 0.82, 0.16), (0.0, 0.64, 0.15)):
        b.blob(u, v, r, r * 0.9, leaves)
    if state == "apple":
        for u, v in (
            (-0.26, 0.60),
            (-0.12, 0.72),
            (0.02, 0.60),
            (0.14, 0.74),
            (0.27, 0.60),
            (0.0, 0.88),
            (-0.12, 0.52),
        ):
            b.blob(u, v, 0.055, 0.055, (216, 40, 40))
    return {}


_FLOWERS = {"roses": ((206, 40, 70), (240, 120, 140)), "sunflowers": ((246, 196, 30), (96, 60, 30))}


@kind(
    "vase vases",
    states={
        "roses": ("{c}{n} with roses", "{c}{n} of red roses"),
        "sunflowers": ("{c}{n} with sunflowers", "{c}{n} of yellow sunflowers"),
        "empty": ("empty {c}{n}", "{c}{n} without flowers"),
    },
    colors=("blue", "green", "white", "brown"),
    size=(0.50, 0.64),
    reach=0.34,
    shadow=0.22,
    accessories=("ball",),
    counts=(1, 2),
    relations={"box": ("beside", "on"), "chair": ("beside", "on")},
)
def vase(b: Brush, state: str, fill: Color) -> Anchors:
    if state != "empty":
        petals, middle = _FLOWERS[state]
        for u, v in ((-0.20, 0.78), (0.20, 0.80), (0.0, 0.92), (-0.10, 0.66), (0.12, 0.66)):
            b.limb([(0, 0.42), (u, v)], 0.03, (60, 130, 66))
        for u, v in ((-0.14, 0.56), (0.15, 0.56)):
            b.blob(u, v, 0.09, 0.04, (70, 146, 74), 40 if u > 0 else 140)
        for u, v in ((-0.20, 0.78), (0.20, 0.80), (0.0, 0.92), (-0.10, 0.66), (0.12, 0.66)):
            b.blob(u, v, 0.10, 0.10, petals)
            b.blob(u, v, 0.05, 0.05, middle)
    b.blob(0, 0.24, 0.22, 0.20, fill)
    b.shape([(-0.15, 0.0), (-0.19, 0.14), (0.19, 0.14), (0.15, 0.0)], fill)
    b.shape([(-0.13, 0.36), (-0.09, 0.48), (0.09, 0.48), (0.13, 0.36)], fill)
    b.blob(0, 0.49, 0.13, 0.035, shade(fill, -0.35))
    b.blob(-0.08, 0.28, 0.045, 0.09, shade(fill, 0.45))
    b.shape([(-0.21, 0.19), (-0.21, 0.23), (0.21, 0.23), (0.21, 0.19)], shade(fill, -0.3))
    return {}
