"""Drawing in a subject's own coordinates: u towards its front, v up from the ground, its height is 1."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import ImageDraw

from picturebook.world.palette import Color

Point = tuple[float, float]


class Brush:
    """Brush for shapes given in subject coordinates on a canvas of pixels."""

    def __init__(self, draw: ImageDraw.ImageDraw, x: float, ground: float, height: float, facing: int) -> None:
        self.draw, self.x, self.ground, self.height, self.facing = draw, x, ground, height, facing

    def at(self, u: float, v: float) -> Point:
        return self.x + self.facing * u * self.height, self.ground - v * self.height

    def blob(self, u: float, v: float, ru: float, rv: float, fill: Color, turn: float = 0.0) -> None:
        """Draw an ellipse with half axes ``ru``, ``rv``, turned by ``turn`` degrees (counter-clockwise)."""
        c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        ring = [(ru * math.cos(a), rv * math.sin(a)) for a in (math.tau * i / 36 for i in range(36))]
        self.shape([(u + c * p - s * q, v + s * p + c * q) for p, q in ring], fill)

    def shape(self, points: Sequence[Point], fill: Color) -> None:
        """Draw a filled polygon."""
        self.draw.polygon([self.at(u, v) for u, v in points], fill=fill)

    def limb(self, points: Sequence[Point], width: float, fill: Color) -> None:
        """Draw a thick line through ``points`` with round ends and joints."""
        pixels = [self.at(u, v) for u, v in points]
        w = width * self.height
        self.draw.line(pixels, fill=fill, width=max(1, round(w)))
        for px, py in pixels:
            self.draw.ellipse((px - w / 2, py - w / 2, px + w / 2, py + w / 2), fill=fill)

    def tipped(self) -> Brush:
        """Return a brush for a subject that lies on its back, in the coordinates of a standing one."""
        return _TippedBrush(self.draw, self.x, self.ground, self.height, self.facing)


class _TippedBrush(Brush):
    """Rotates everything by 90 degrees about the foot of the subject's back, so that it lies on the ground."""

    def at(self, u: float, v: float) -> Point:
        return super().at(0.5 - v, u + 0.30)
