"""How each kind of subject is drawn: one function a kind. Adding a kind is one function and two entries."""

from __future__ import annotations

from collections.abc import Callable

from picturebook.world.brush import Brush, Color, Point, shade

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
DARK: Color = (34, 30, 34)


def _head(b: Brush, kind: str, u: float, v: float, fill: Color, turn: float = 0.0) -> None:
    """A dog's or cat's head, looking along +u."""
    far, light = shade(fill, -0.25), shade(fill, 0.25)
    if kind == "dog":
        b.blob(u + 0.13, v - 0.04, 0.10, 0.065, light, turn)
        b.blob(u, v, 0.135, 0.125, fill)
        b.blob(u - 0.09, v - 0.03, 0.05, 0.115, far, 12 + turn)
        b.blob(u + 0.22, v - 0.015, 0.032, 0.03, DARK)
    else:
        for du in (-0.085, 0.065):
            b.shape([(u + du - 0.06, v + 0.05), (u + du, v + 0.23), (u + du + 0.065, v + 0.05)], far)
        b.blob(u, v, 0.145, 0.125, fill)
        b.blob(u + 0.08, v - 0.045, 0.06, 0.045, light)
        b.blob(u + 0.125, v - 0.025, 0.022, 0.018, (222, 110, 120))
    b.blob(u + 0.055, v + 0.035, 0.028, 0.034, DARK)


def _tail(b: Brush, kind: str, points: list[Point], fill: Color) -> None:
    b.limb(points, 0.07 if kind == "dog" else 0.055, fill)


def _four_legs(b: Brush, kind: str, state: str, fill: Color) -> None:
    far = shade(fill, -0.3)
    light = shade(fill, 0.18)
    if state == "standing":
        for u in (-0.30, 0.20):
            b.limb([(u + 0.07, 0.36), (u + 0.08, 0.04)], 0.09, far)
        _tail(b, kind, [(-0.38, 0.52), (-0.52, 0.62), (-0.54, 0.78)], fill)
        b.blob(-0.04, 0.46, 0.40, 0.165, fill)
        b.blob(-0.04, 0.38, 0.28, 0.07, light)
        for u in (-0.32, 0.22):
            b.limb([(u, 0.40), (u, 0.04)], 0.10, fill)
        b.limb([(0.24, 0.52), (0.38, 0.70)], 0.20, fill)
        _head(b, kind, 0.42, 0.76, fill)
    elif state == "sitting":
        _tail(b, kind, [(-0.28, 0.08), (-0.46, 0.08), (-0.54, 0.20)], fill)
        b.limb([(0.20, 0.46), (0.22, 0.04)], 0.09, far)
        b.shape(
            [(-0.34, 0.04), (-0.36, 0.26), (-0.10, 0.66), (0.10, 0.78), (0.22, 0.66), (0.20, 0.30), (0.10, 0.04)], fill
        )
        b.blob(-0.20, 0.18, 0.20, 0.18, fill)
        b.limb([(-0.16, 0.05), (0.04, 0.05)], 0.10, far)
        b.limb([(0.12, 0.50), (0.14, 0.05)], 0.10, fill)
        b.blob(0.14, 0.50, 0.07, 0.14, light)
        _head(b, kind, 0.16, 0.88, fill)
    elif state == "lying":
        _tail(b, kind, [(-0.42, 0.12), (-0.60, 0.07), (-0.70, 0.12)], fill)
        b.limb([(0.20, 0.06), (0.52, 0.05)], 0.09, far)
        b.blob(-0.06, 0.17, 0.44, 0.165, fill)
        b.blob(-0.30, 0.15, 0.18, 0.15, fill)
        b.limb([(-0.34, 0.05), (-0.12, 0.05)], 0.09, far)
        b.limb([(0.14, 0.07), (0.44, 0.05)], 0.10, fill)
        b.limb([(0.24, 0.20), (0.36, 0.32)], 0.18, fill)
        _head(b, kind, 0.42, 0.37, fill)
    else:  # jumping
        b.limb([(-0.26, 0.50), (-0.50, 0.34), (-0.66, 0.30)], 0.09, far)
        b.limb([(0.30, 0.70), (0.52, 0.74), (0.62, 0.66)], 0.09, far)
        _tail(b, kind, [(-0.36, 0.58), (-0.54, 0.68), (-0.66, 0.82)], fill)
        b.blob(-0.02, 0.64, 0.40, 0.155, fill, 22)
        b.blob(0.02, 0.57, 0.28, 0.07, light, 22)
        b.limb([(-0.28, 0.48), (-0.44, 0.26), (-0.58, 0.20)], 0.10, fill)
        b.limb([(0.26, 0.68), (0.46, 0.62), (0.58, 0.54)], 0.10, fill)
        b.limb([(0.26, 0.80), (0.36, 0.92)], 0.19, fill)
        _head(b, kind, 0.44, 0.98, fill)


def dog(b: Brush, state: str, fill: Color) -> None:
    _four_legs(b, "dog", state, fill)


def cat(b: Brush, state: str, fill: Color) -> None:
    _four_legs(b, "cat", state, fill)


def bird(b: Brush, state: str, fill: Color) -> None:
    far, light = shade(fill, -0.28), shade(fill, 0.4)
    beak = (250, 150, 40) if fill != COLORS["yellow"] else (226, 96, 40)
    for u in (-0.06, 0.08):
        b.limb([(u, 0.20), (u + 0.02, 0.02), (u + 0.10, 0.02)], 0.035, (190, 110, 50))
    if state == "spread":
        b.shape([(0.02, 0.50), (0.22, 0.92), (0.52, 1.16), (0.62, 0.98), (0.50, 0.76), (0.20, 0.46)], shade(far, -0.12))
    b.shape([(-0.28, 0.40), (-0.66, 0.42), (-0.64, 0.28), (-0.26, 0.26)], far)
    b.blob(-0.02, 0.38, 0.34, 0.215, fill, 12)
    b.blob(0.08, 0.32, 0.20, 0.14, light, 12)
    b.shape([(0.40, 0.68), (0.60, 0.60), (0.40, 0.55)], beak)
    b.blob(0.28, 0.62, 0.165, 0.155, fill)
    b.blob(0.34, 0.66, 0.032, 0.036, DARK)
    if state == "spread":
        b.shape(
            [(0.06, 0.46), (-0.14, 0.94), (-0.50, 1.20), (-0.66, 1.04), (-0.58, 0.82), (-0.44, 0.60), (-0.22, 0.40)],
            far,
        )
        b.shape([(0.02, 0.48), (-0.16, 0.86), (-0.42, 1.06), (-0.40, 0.80), (-0.20, 0.44)], fill)
    else:
        b.blob(-0.12, 0.40, 0.27, 0.125, far, 8)
        b.limb([(-0.28, 0.37), (-0.46, 0.34)], 0.06, far)


def person(b: Brush, state: str, fill: Color) -> None:
    skin, hair, trousers = (236, 188, 152), (74, 48, 36), (58, 66, 98)
    for u in (-0.07, 0.07):
        b.limb([(u, 0.44), (u * 1.15, 0.04)], 0.115, trousers if u > 0 else shade(trousers, -0.2))
        b.limb([(u * 1.15, 0.02), (u * 1.15 + 0.05, 0.02)], 0.06, DARK)
    down = lambda side: [(side * 0.12, 0.72), (side * 0.19, 0.57), (side * 0.20, 0.42)]
    up = lambda side: [(side * 0.12, 0.72), (side * 0.25, 0.84), (side * 0.27, 1.02)]
    out = lambda side: [(side * 0.12, 0.72), (side * 0.28, 0.715), (side * 0.44, 0.72)]
    arms = {"plain": (down, down), "waving": (down, up), "raised": (up, up), "outstretched": (out, out)}[state]
    for side, arm in zip((-1, 1), arms, strict=True):
        shoulder, elbow, hand = arm(side)
        b.limb([elbow, hand], 0.07, skin)
        b.limb([shoulder, elbow], 0.09, shade(fill, -0.22))
        b.blob(*hand, 0.05, 0.05, skin)
    b.limb([(-0.07, 0.70), (-0.06, 0.46)], 0.17, fill)
    b.limb([(0.07, 0.70), (0.06, 0.46)], 0.17, fill)
    b.limb([(0.0, 0.78), (0.0, 0.82)], 0.08, shade(skin, -0.15))
    b.blob(0, 0.925, 0.115, 0.12, hair)
    b.blob(0.02, 0.895, 0.095, 0.095, skin)
    for u in (-0.02, 0.065):
        b.blob(u, 0.905, 0.015, 0.019, DARK)


def car(b: Brush, state: str, fill: Color) -> None:
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
        b.blob(u, 0.20, 0.10, 0.10, (190, 190, 196))


def tree(b: Brush, state: str, fill: Color) -> None:
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
        return
    leaves = (232, 126, 34) if state == "autumn" else (64, 150, 66)
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
            (0.14, 0.52),
        ):
            b.blob(u, v, 0.052, 0.052, (216, 40, 40))


def box(b: Brush, state: str, fill: Color) -> None:
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


SUBJECTS: dict[str, Callable[[Brush, str, Color], None]] = {
    "dog": dog,
    "cat": cat,
    "bird": bird,
    "person": person,
    "car": car,
    "tree": tree,
    "box": box,
}
SHADOW_WIDTH: dict[str, float] = {
    "dog": 0.48,
    "cat": 0.48,
    "bird": 0.36,
    "person": 0.28,
    "car": 1.02,
    "tree": 0.34,
    "box": 0.62,
}
