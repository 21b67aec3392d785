"""Effects of time of day and weather on an image's light, sky and air."""

from __future__ import annotations

import random

import numpy as np
from PIL import Image, ImageDraw

from picturebook.world.palette import Color

SUNSET_SKY: tuple[Color, Color] = ((232, 124, 100), (255, 204, 128))
NIGHT_SKY: tuple[Color, Color] = ((22, 26, 66), (58, 66, 120))
"""The sky's colours above and at the horizon, at any place."""

_PLACE_LIGHT = {"day": (1.0, 1.0, 1.0), "sunset": (1.02, 0.84, 0.72), "night": (0.46, 0.50, 0.70)}
_ALL_LIGHT = {"sunset": (1.0, 0.93, 0.86), "night": (0.80, 0.82, 0.96)}


def lit(color: Color, time: str) -> Color:
    """Return a colour of the place in the light of the time."""
    r, g, b = (min(255, round(c * part)) for c, part in zip(color, _PLACE_LIGHT[time], strict=True))
    return r, g, b


def light_all(canvas: Image.Image, time: str) -> Image.Image:
    """Apply the time's light to the whole image with its subjects, weakly, so that their colours can still be told."""
    if time not in _ALL_LIGHT:
        return canvas
    return canvas.point([min(255, round(value * part)) for part in _ALL_LIGHT[time] for value in range(256)])


def precipitate(canvas: Image.Image, weather: str, rng: random.Random) -> Image.Image:
    """Draw rain, falling snow or fog over the image."""
    n = canvas.size[0]
    if weather == "rain":
        gray = Image.new("RGB", canvas.size, (104, 116, 136))
        canvas = Image.blend(canvas, gray, 0.22)
        draw = ImageDraw.Draw(canvas)
        for _ in range(46):
            x, y, length = rng.uniform(-0.1, 1.0) * n, rng.uniform(-0.1, 1.0) * n, rng.uniform(0.06, 0.11) * n
            draw.line((x, y, x + 0.35 * length, y + length), fill=(196, 212, 236), width=max(1, n // 100))
    elif weather == "snowfall":
        canvas = Image.blend(canvas, Image.new("RGB", canvas.size, (206, 214, 226)), 0.12)
        draw = ImageDraw.Draw(canvas)
        for _ in range(44):
            x, y, r = rng.random() * n, rng.random() * n, rng.uniform(0.008, 0.015) * n
            draw.ellipse((x - r, y - r, x + r, y + r), fill=(255, 255, 255))
    elif weather == "fog":
        rows = np.linspace(0.56, 0.22, n)[:, None, None]
        mist = np.asarray((222, 226, 230))
        canvas = Image.fromarray((np.asarray(canvas) * (1 - rows) + mist * rows).round().astype(np.uint8))
    return canvas
