"""Things: car, box, door, chair, cup, cake."""

from __future__ import annotations

from picturebook.world.brush import Brush
from picturebook.world.kinds.kind import Anchors, kind
from picturebook.world.palette import DARK, METAL, WOOD, Color, shade


@kind(
    "car cars",
    states={
        "closed": ("closed {c}{n}", "{c}{n} with a roof"),
        "convertible": ("{c}convertible {n}", "open {c}{n}", "{c}{n} without a roof"),
    },
    colors=("red", "blue", "yellow", "white"),
    size=(0.34, 0.44),
    reach=1.02,
    shadow=1.02,
    relations={"tree": ("beside",)},
)
def car(b: Brush, state: str, fill: Color) -> Anchors:
    glass, dark = (178, 218, 240), shade(fill, -0.3)
    if state == "closed":
        b.shape([(-0.62, 0.50), (-0.44, 0.98), (0.24, 0.98), (0.54, 0.50)], fill)
        b.shape([(-0.50, 0.52), (-0.37, 0.88), (-0.10, 0.88), (-0.10, 0.52)], glass)
        b.shape([(-0.01, 0.52), (-0.01, 0.88), (0.19, 0.88), (0.40, 0.52)], glass)
    else:
        b.limb([(0.40, 0.52), (0.16, 0.86)], 0.05, shade(glass, -0.35))
        b.shape([(0.40, 0.52), (0.18, 0.84), (0.28, 0.52)], glass)
        for u in (-0.36, 0.0):
            b.limb([(u, 0.56), (u - 0.05, 0.72)], 0.14, (92, 64, 52))
        b.limb([(-0.78, 0.55), (-0.56, 0.60)], 0.08, dark)
    b.shape([(-1.0, 0.20), (-0.98, 0.50), (-0.86, 0.58), (0.56, 0.56), (0.92, 0.46), (1.0, 0.36), (1.0, 0.20)], fill)
    b.shape([(-1.0, 0.20), (-1.0, 0.28), (1.0, 0.28), (1.0, 0.20)], dark)
    b.blob(0.92, 0.38, 0.06, 0.06, (255, 240, 170))
    b.blob(-0.95, 0.42, 0.04, 0.07, (190, 40, 40))
    for u in (-0.56, 0.56):
        b.blob(u, 0.20, 0.22, 0.22, DARK)
        b.blob(u, 0.20, 0.10, 0.10, METAL)
    return {}


@kind(
    "box boxes",
    states={"closed": ("closed {c}{n}",), "open": ("open {c}{n}",)},
    colors=("brown", "red", "blue", "green"),
    size=(0.34, 0.46),
    reach=0.88,
    shadow=0.62,
    accessories=("ball",),
    relations={"tree": ("beside",)},
)
def box(b: Brush, state: str, fill: Color) -> Anchors:
    top, side = shade(fill, 0.25), shade(fill, -0.22)
    front = [(-0.55, 0.0), (-0.55, 0.62), (0.35, 0.62), (0.35, 0.0)]
    right = [(0.35, 0.0), (0.35, 0.62), (0.65, 0.80), (0.65, 0.18)]
    lid = [(-0.55, 0.62), (-0.25, 0.80), (0.65, 0.80), (0.35, 0.62)]
    if state == "open":
        b.shape([(-0.25, 0.80), (-0.28, 1.08), (0.66, 1.08), (0.65, 0.80)], side)
        b.shape(lid, shade(fill, -0.62))
    b.shape(front, fill)
    b.shape(right, side)
    if state == "closed":
        b.shape(lid, top)
        b.shape([(-0.16, 0.0), (-0.16, 0.62), (-0.04, 0.62), (-0.04, 0.0)], shade(fill, 0.45))
        b.shape([(-0.16, 0.62), (0.14, 0.80), (0.26, 0.80), (-0.04, 0.62)], shade(fill, 0.6))
    else:
        b.shape([(-0.55, 0.62), (-0.68, 0.40), (0.22, 0.40), (0.35, 0.62)], top)
        b.shape([(0.35, 0.62), (0.60, 0.46), (0.88, 0.64), (0.65, 0.80)], top)
    return {}


@kind(
    "door doors",
    states={"closed": ("closed {c}{n}",), "open": ("open {c}{n}",)},
    colors=("red", "blue", "green", "brown"),
    size=(0.62, 0.74),
    reach=0.52,
    shadow=0.36,
    accessories=("ball",),
    relations={"tree": ("beside",), "chair": ("beside",), "box": ("beside",)},
)
def door(b: Brush, state: str, fill: Color) -> Anchors:
    frame, dark = (232, 222, 200), shade(fill, -0.3)
    b.shape([(-0.34, 0.0), (-0.34, 1.0), (0.34, 1.0), (0.34, 0.0)], frame)
    b.shape([(-0.37, 0.0), (-0.37, 0.04), (0.37, 0.04), (0.37, 0.0)], shade(frame, -0.3))
    if state == "closed":
        b.shape([(-0.26, 0.04), (-0.26, 0.92), (0.26, 0.92), (0.26, 0.04)], fill)
        for low, high in ((0.12, 0.42), (0.52, 0.84)):
            for left in (-0.20, 0.03):
                b.shape([(left, low), (left, high), (left + 0.17, high), (left + 0.17, low)], dark)
        b.blob(0.20, 0.47, 0.035, 0.035, (246, 214, 96))
    else:
        b.shape([(-0.26, 0.04), (-0.26, 0.92), (0.26, 0.92), (0.26, 0.04)], (52, 44, 60))
        b.shape([(-0.26, 0.04), (-0.26, 0.30), (0.26, 0.16), (0.26, 0.04)], (112, 92, 86))
        b.shape([(-0.26, 0.04), (-0.26, 0.92), (-0.50, 0.86), (-0.50, -0.04)], fill)
        b.shape([(-0.30, 0.14), (-0.30, 0.82), (-0.45, 0.78), (-0.45, 0.10)], dark)
        b.blob(-0.45, 0.45, 0.03, 0.035, (246, 214, 96))
    return {}


_FALLEN = ("{c}{n} knocked over", "{c}{n} lying on the side", "fallen {c}{n}")


@kind(
    "chair chairs",
    states={"upright": ("{c}{n} standing upright", "upright {c}{n}"), "fallen": _FALLEN},
    colors=("red", "blue", "yellow", "white"),
    size=(0.52, 0.64),
    reach=0.52,
    shadow=0.34,
    accessories=("ball",),
    counts=(1, 2),
    relations={"tree": ("beside",), "box": ("beside",)},
)
def chair(b: Brush, state: str, fill: Color) -> Anchors:
    if state == "fallen":
        b = b.tipped()
    for u, v in ((-0.16, 0.08), (0.30, 0.06)):
        b.limb([(u, 0.44), (u, v)], 0.07, shade(WOOD, -0.25))
    b.limb([(-0.26, 0.44), (-0.28, 0.98)], 0.075, WOOD)
    b.shape([(-0.28, 0.60), (-0.30, 0.96), (-0.16, 0.99), (-0.14, 0.62)], fill)
    for u in (-0.26, 0.22):
        b.limb([(u, 0.44), (u, 0.03)], 0.075, WOOD)
    b.shape([(-0.32, 0.40), (-0.20, 0.52), (0.36, 0.52), (0.26, 0.40)], fill)
    b.shape([(-0.32, 0.35), (-0.32, 0.40), (0.26, 0.40), (0.26, 0.35)], shade(fill, -0.3))
    return {}


@kind(
    "cup cups",
    states={"upright": ("{c}{n} standing upright", "upright {c}{n}"), "fallen": _FALLEN},
    colors=("red", "blue", "yellow", "white"),
    size=(0.34, 0.46),
    reach=0.56,
    shadow=0.36,
    accessories=("ball",),
    counts=(1, 2, 3),
    relations={"box": ("beside", "on"), "chair": ("beside", "on")},
)
def cup(b: Brush, state: str, fill: Color) -> Anchors:
    dark = shade(fill, -0.28)
    if state == "fallen":
        b.blob(-0.55, 0.0, 0.26, 0.06, (112, 70, 44))
        b = b.tipped()
    b.blob(0.36, 0.42, 0.20, 0.22, dark)
    b.blob(0.36, 0.42, 0.11, 0.13, shade(fill, 0.5))
    b.shape([(-0.36, 0.86), (-0.27, 0.06), (0.27, 0.06), (0.36, 0.86)], fill)
    b.blob(0, 0.06, 0.27, 0.06, fill)
    b.shape([(-0.26, 0.78), (-0.20, 0.12), (-0.08, 0.10), (-0.11, 0.80)], shade(fill, 0.4))
    b.blob(0, 0.86, 0.36, 0.10, dark)
    b.blob(0, 0.85, 0.29, 0.07, (112, 70, 44))
    return {}


_CAKES = {
    "chocolate": ((112, 66, 40), (72, 40, 26), (240, 226, 206)),
    "strawberry": ((250, 236, 214), (252, 246, 240), (222, 44, 60)),
    "birthday": ((244, 204, 140), (244, 150, 186), (244, 150, 186)),
}


@kind(
    "cake cakes",
    states={
        "chocolate": ("chocolate {n}",),
        "strawberry": ("strawberry {n}", "{n} with strawberries"),
        "birthday": ("birthday {n}", "{n} with candles"),
    },
    colors=("",),
    size=(0.36, 0.48),
    reach=0.62,
    shadow=0.58,
    accessories=("ball",),
    relations={"box": ("beside", "on"), "chair": ("beside", "on")},
)
def cake(b: Brush, state: str, fill: Color) -> Anchors:
    dough, icing, top = _CAKES[state]
    b.blob(0, 0.07, 0.60, 0.075, (226, 228, 236))
    b.shape([(-0.46, 0.08), (-0.46, 0.58), (0.46, 0.58), (0.46, 0.08)], dough)
    b.blob(0, 0.08, 0.46, 0.07, dough)
    b.shape([(-0.46, 0.29), (-0.46, 0.36), (0.46, 0.36), (0.46, 0.29)], icing)
    b.blob(0, 0.58, 0.46, 0.10, icing)
    for u, drop in ((-0.40, 0.44), (-0.22, 0.48), (-0.03, 0.42), (0.18, 0.47), (0.38, 0.43)):
        b.limb([(u, 0.56), (u, drop)], 0.12, icing)
    if state == "birthday":
        for u, color in ((-0.26, (70, 130, 220)), (0.0, (250, 250, 250)), (0.26, (90, 170, 90))):
            b.limb([(u, 0.60), (u, 0.84)], 0.06, color)
            b.blob(u, 0.93, 0.04, 0.06, (255, 190, 40))
    else:
        for u in (-0.28, 0.0, 0.28):
            b.blob(u, 0.66, 0.085, 0.085, top)
            if state == "strawberry":
                b.blob(u, 0.735, 0.05, 0.022, (70, 150, 70))
    return {}
