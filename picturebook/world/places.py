"""How each place is drawn: sky or wall, ground, and the clutter that an edit must leave alone."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from picturebook.world.brush import Color, shade


def _near(rng: random.Random, color: Color, by: int = 10) -> Color:
    """``color`` shifted a little, all channels together and each on its own."""
    light = rng.uniform(-by, by)
    r, g, b = (max(0, min(255, round(c + light + rng.uniform(-by / 2, by / 2)))) for c in color)
    return r, g, b


def _fade(n: int, top: int, bottom: int, above: Color, below: Color) -> Image.Image:
    """An ``n`` pixels wide strip, ``bottom - top`` high, fading from ``above`` to ``below``."""
    part = np.linspace(0, 1, max(1, bottom - top))[:, None, None]
    column = np.asarray(above) * (1 - part) + np.asarray(below) * part
    return Image.fromarray(np.repeat(column, n, axis=1).round().astype(np.uint8))


class Ground:
    """A canvas with its sky and ground drawn, on which a place puts its clutter."""

    def __init__(self, n: int, horizon: float, rng: random.Random, sky: tuple[Color, Color], floor: Color) -> None:
        self.n, self.rng = n, rng
        self.line = round(n * horizon)
        above, below = (_near(rng, c) for c in sky)
        self.floor = _near(rng, floor)
        self.image = Image.new("RGB", (n, n))
        self.image.paste(_fade(n, 0, self.line, above, below), (0, 0))
        self.image.paste(_fade(n, self.line, n, shade(self.floor, 0.12), shade(self.floor, -0.12)), (0, self.line))
        self.draw = ImageDraw.Draw(self.image)

    def oval(self, x: float, y: float, rx: float, ry: float, fill: Color) -> None:
        """In parts of the canvas."""
        n = self.n
        self.draw.ellipse(((x - rx) * n, (y - ry) * n, (x + rx) * n, (y + ry) * n), fill=fill)

    def rect(self, x0: float, y0: float, x1: float, y1: float, fill: Color) -> None:
        n = self.n
        self.draw.rectangle((x0 * n, y0 * n, x1 * n, y1 * n), fill=fill)

    @property
    def horizon(self) -> float:
        return self.line / self.n

    def sun(self, color: Color = (255, 240, 170)) -> None:
        if self.rng.random() < 0.6:
            side = self.rng.choice((0.14, 0.86)) + self.rng.uniform(-0.06, 0.06)
            r = self.rng.uniform(0.045, 0.065)
            self.oval(side, self.rng.uniform(0.10, 0.20), r, r, color)

    def clouds(self, color: Color = (250, 250, 252)) -> None:
        for _ in range(self.rng.randrange(3)):
            x, y = self.rng.uniform(0.05, 0.95), self.rng.uniform(0.07, 0.24)
            for dx, r in ((-0.06, 0.032), (0, 0.045), (0.06, 0.03)):
                self.oval(x + dx, y, r * 1.5, r * 0.8, color)

    def scatter(self, count: int, fills: list[Color], size: tuple[float, float], flat: float = 0.5) -> None:
        """Small ovals on the ground, larger the nearer they are."""
        for _ in range(count):
            y = self.rng.uniform(self.horizon + 0.06, 0.98)
            r = self.rng.uniform(*size) * (0.6 + y)
            self.oval(self.rng.random(), y, r, r * flat, self.rng.choice(fills))


def meadow(n: int, horizon: float, rng: random.Random) -> Image.Image:
    g = Ground(n, horizon, rng, ((104, 178, 236), (196, 226, 244)), (100, 178, 76))
    g.sun()
    g.clouds()
    for _ in range(rng.randrange(3)):
        g.oval(rng.random(), g.horizon + 0.06, rng.uniform(0.18, 0.34), rng.uniform(0.09, 0.15), shade(g.floor, -0.18))
    g.image.paste(_fade(n, g.line, n, shade(g.floor, 0.12), shade(g.floor, -0.12)), (0, g.line))
    g.scatter(rng.randrange(4, 9), [shade(g.floor, -0.2)], (0.012, 0.028))
    g.scatter(rng.randrange(0, 6), [(250, 250, 245), (250, 220, 80), (236, 120, 150)], (0.010, 0.014), 0.9)
    return g.image


def beach(n: int, horizon: float, rng: random.Random) -> Image.Image:
    g = Ground(n, horizon, rng, ((112, 190, 240), (214, 236, 246)), (236, 212, 156))
    g.sun()
    g.clouds()
    sea = _near(rng, (48, 136, 190))
    g.rect(0, g.horizon, 1, g.horizon + rng.uniform(0.08, 0.12), sea)
    if rng.random() < 0.4:
        x, y = rng.choice((0.15, 0.85)), g.horizon + 0.01
        g.draw.polygon([(x * n, (y - 0.13) * n), (x * n, y * n), ((x + 0.08) * n, y * n)], fill=(250, 248, 244))
    g.scatter(rng.randrange(3, 8), [shade(g.floor, -0.15), (250, 244, 232), (222, 150, 130)], (0.012, 0.022))
    return g.image


def snow(n: int, horizon: float, rng: random.Random) -> Image.Image:
    g = Ground(n, horizon, rng, ((158, 178, 206), (216, 224, 236)), (236, 240, 248))
    for _ in range(rng.randrange(1, 5)):
        x, h = rng.random(), rng.uniform(0.14, 0.24)
        y, green = g.horizon + 0.02, _near(rng, (60, 104, 92))
        for k in (0.0, 0.4):
            w = h * (0.32 - 0.1 * k)
            g.draw.polygon(
                [
                    ((x - w) * n, (y - h * k) * n),
                    ((x + w) * n, (y - h * k) * n),
                    (x * n, (y - h * (0.65 + k * 0.9)) * n),
                ],
                fill=green,
            )
    g.scatter(rng.randrange(3, 7), [shade(g.floor, -0.09), (255, 255, 255)], (0.025, 0.05), 0.35)
    return g.image


def street(n: int, horizon: float, rng: random.Random) -> Image.Image:
    g = Ground(n, horizon, rng, ((170, 186, 204), (208, 214, 220)), (116, 118, 126))
    x = rng.uniform(-0.12, 0.0)
    while x < 1:
        w, top = rng.uniform(0.16, 0.26), rng.uniform(0.06, 0.30)
        if rng.random() < 0.75:
            wall = _near(rng, rng.choice([(186, 124, 104), (196, 176, 140), (150, 150, 170), (160, 140, 150)]), 14)
            g.rect(x, top, x + w, g.horizon, wall)
            pane = rng.choice([(238, 226, 160), shade(wall, -0.35)])
            for row in np.arange(top + 0.05, g.horizon - 0.07, 0.12):
                for col in (x + w * 0.2, x + w * 0.6):
                    g.rect(col, row, col + w * 0.2, row + 0.055, pane)
        x += w + rng.uniform(0.0, 0.05)
    g.rect(0, g.horizon, 1, g.horizon + 0.045, (176, 174, 170))
    y, shift = rng.uniform(0.90, 0.95), rng.random() * 0.3
    for k in range(-1, 4):
        g.rect(k * 0.3 + shift, y, k * 0.3 + shift + 0.16, y + 0.022, (232, 230, 214))
    return g.image


def room(n: int, horizon: float, rng: random.Random) -> Image.Image:
    wall = rng.choice([(236, 214, 178), (206, 220, 206), (226, 200, 204)])
    g = Ground(n, horizon, rng, (wall, shade(wall, -0.06)), (158, 112, 78))
    if rng.random() < 0.85:
        x, y, w, h = rng.choice((0.16, 0.82)) + rng.uniform(-0.05, 0.05), rng.uniform(0.16, 0.22), 0.11, 0.11
        if rng.random() < 0.6:
            g.rect(x - w, y - h, x + w, y + h, (250, 246, 238))
            g.rect(x - w + 0.025, y - h + 0.025, x + w - 0.025, y + h - 0.025, (150, 206, 240))
            g.rect(x - 0.01, y - h, x + 0.01, y + h, (250, 246, 238))
        else:
            g.rect(x - w, y - h * 0.8, x + w, y + h * 0.8, (112, 76, 50))
            g.rect(
                x - w + 0.02,
                y - h * 0.8 + 0.02,
                x + w - 0.02,
                y + h * 0.8 - 0.02,
                _near(rng, rng.choice([(90, 150, 150), (214, 150, 90), (130, 120, 170)]), 20),
            )
    g.rect(0, g.horizon, 1, g.horizon + 0.025, (244, 238, 228))
    for k in range(1, 4):
        y = g.horizon + 0.03 + (1 - g.horizon) * (k / 4) ** 1.4
        g.rect(0, y, 1, y + 0.008, shade(g.floor, -0.15))
    if rng.random() < 0.6:
        g.oval(
            rng.uniform(0.35, 0.65),
            rng.uniform(0.84, 0.92),
            rng.uniform(0.34, 0.44),
            0.10,
            _near(rng, rng.choice([(176, 70, 70), (80, 110, 150), (206, 176, 110)])),
        )
    return g.image


def desert(n: int, horizon: float, rng: random.Random) -> Image.Image:
    g = Ground(n, horizon, rng, ((246, 186, 120), (250, 226, 176)), (222, 158, 92))
    g.sun((255, 246, 206))
    for _ in range(rng.randrange(1, 3)):
        g.oval(rng.random(), g.horizon + 0.05, rng.uniform(0.2, 0.4), rng.uniform(0.08, 0.14), shade(g.floor, -0.12))
    g.image.paste(_fade(n, g.line, n, shade(g.floor, 0.12), shade(g.floor, -0.12)), (0, g.line))
    for _ in range(rng.randrange(3)):
        x, h, green = (
            rng.choice((0.10, 0.20, 0.80, 0.90)) + rng.uniform(-0.04, 0.04),
            rng.uniform(0.16, 0.26),
            _near(rng, (76, 132, 84)),
        )
        y = g.horizon + 0.06
        g.rect(x - 0.018, y - h, x + 0.018, y, green)
        g.rect(x - 0.065, y - h * 0.55, x, y - h * 0.40, green)
        g.rect(x - 0.065, y - h * 0.80, x - 0.04, y - h * 0.40, green)
        g.rect(x, y - h * 0.45, x + 0.065, y - h * 0.32, green)
        g.rect(x + 0.04, y - h * 0.70, x + 0.065, y - h * 0.32, green)
    g.scatter(rng.randrange(3, 8), [shade(g.floor, -0.2), (150, 112, 90)], (0.012, 0.028))
    return g.image


GROUNDS: dict[str, Callable[[int, float, random.Random], Image.Image]] = {
    "meadow": meadow,
    "beach": beach,
    "snow": snow,
    "street": street,
    "room": room,
    "desert": desert,
}
