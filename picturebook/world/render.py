"""From a scene to its picture."""

from __future__ import annotations

import random

import numpy as np
from PIL import Image, ImageDraw

from picturebook.world.brush import Brush, Color
from picturebook.world.places import GROUNDS
from picturebook.world.scene import Scene
from picturebook.world.subjects import COLORS, SHADOW_WIDTH, SUBJECTS

SIZE = 64
"""Width and height of a picture."""

_FINE = 4  # drawn this many times larger, then averaged down


def render(scene: Scene, size: int = SIZE) -> np.ndarray:
    """The picture of ``scene``: (size, size, 3) uint8 RGB. The same scene gives the same pixels."""
    n = size * _FINE
    canvas = GROUNDS[scene.place](n, scene.horizon, random.Random(f"place {scene.clutter}"))
    x, ground, height = scene.x * n, scene.ground * n, scene.size * n
    _shadow(canvas, x, ground, height * SHADOW_WIDTH[scene.kind], height * 0.055)
    brush = Brush(ImageDraw.Draw(canvas), x, ground, height, scene.facing)
    SUBJECTS[scene.kind](brush, scene.state, _own_color(scene))
    return np.array(canvas.resize((size, size), Image.Resampling.BOX))


def _own_color(scene: Scene) -> Color:
    """The subject's colour, a little different in every picture."""
    rng = random.Random(f"subject {scene.clutter}")
    light = rng.uniform(-12, 12)
    r, g, b = (max(0, min(255, round(c + light + rng.uniform(-6, 6)))) for c in COLORS[scene.color])
    return r, g, b


def _shadow(canvas: Image.Image, x: float, y: float, rx: float, ry: float) -> None:
    """Darkens an ellipse of the ground."""
    mask = Image.new("L", canvas.size, 0)
    ImageDraw.Draw(mask).ellipse((x - rx, y - ry, x + rx, y + ry), fill=70)
    canvas.paste((20, 20, 40), (0, 0), mask)
