"""Rendering of a scene to its image."""

from __future__ import annotations

import random

import numpy as np
from PIL import Image, ImageDraw

from picturebook.world.accessories import ACCESSORIES
from picturebook.world.brush import Brush
from picturebook.world.kinds import KINDS
from picturebook.world.palette import COLORS, Color
from picturebook.world.places import draw_place
from picturebook.world.scene import OTHER_SIZE, Scene
from picturebook.world.sky import light_all, precipitate

SIZE = 64
"""Width and height of an image."""

_FINE = 4  # drawn this many times larger, then averaged down
_OTHERS = {"box": ("closed", "brown"), "chair": ("upright", "red"), "tree": ("green", "")}
_SEAT = {
    "box": (0.0, 0.70),
    "chair": (0.12, 0.47),
}  # position of a subject on top of it: forward and up, as fractions of its height


def render(scene: Scene, size: int = SIZE) -> np.ndarray:
    """Render ``scene``: (size, size, 3) uint8 RGB. The same scene gives the same pixels."""
    n = size * _FINE
    canvas = draw_place(scene, n)
    ground, forward = scene.ground, 0.0
    if scene.other:
        height = OTHER_SIZE[scene.other]
        state, color = _OTHERS[scene.other]
        _put(canvas, scene.other, state, COLORS[color], scene.other_x, ground - 0.015, height, scene.facing)
        if scene.relation == "on":
            forward = scene.facing * height * _SEAT[scene.other][0]
            ground -= height * _SEAT[scene.other][1] + 0.015
        elif scene.relation == "over":
            ground -= height * 0.80
    for x in scene.row:
        shadow = scene.relation not in ("on", "over")
        _put(
            canvas,
            scene.kind,
            scene.state,
            _own_color(scene),
            x + forward,
            ground,
            scene.size,
            scene.facing,
            scene.accessory,
            shadow,
        )
    canvas = precipitate(light_all(canvas, scene.time), scene.weather, random.Random(f"weather {scene.clutter}"))
    return np.array(canvas.resize((size, size), Image.Resampling.BOX))


def _put(
    canvas: Image.Image,
    kind: str,
    state: str,
    color: Color,
    x: float,
    ground: float,
    size: float,
    facing: int,
    accessory: str = "",
    shadow: bool = True,
) -> None:
    """Draw one thing, its shadow and accessory; positions and sizes are fractions of the image's."""
    n = canvas.size[0]
    if shadow:
        _shadow(canvas, x * n, ground * n, size * n * KINDS[kind].shadow, size * n * 0.055)
    brush = Brush(ImageDraw.Draw(canvas), x * n, ground * n, size * n, facing)
    anchors = {**KINDS[kind].draw(brush, state, color), "ball": (KINDS[kind].ball, 0.0)}
    if accessory == "ball":
        _shadow(canvas, (x + facing * KINDS[kind].ball * size) * n, ground * n, size * n * 0.15, size * n * 0.04)
    if accessory:
        ACCESSORIES[accessory](brush, anchors)


def _own_color(scene: Scene) -> Color:
    """Return the subject's colour, a little different in every image."""
    rng = random.Random(f"subject {scene.clutter}")
    light = rng.uniform(-12, 12)
    r, g, b = (max(0, min(255, round(c + light + rng.uniform(-6, 6)))) for c in COLORS[scene.color])
    return r, g, b


def _shadow(canvas: Image.Image, x: float, y: float, rx: float, ry: float) -> None:
    """Darken an ellipse of the ground."""
    mask = Image.new("L", canvas.size, 0)
    ImageDraw.Draw(mask).ellipse((x - rx, y - ry, x + rx, y + ry), fill=70)
    canvas.paste((20, 20, 40), (0, 0), mask)
