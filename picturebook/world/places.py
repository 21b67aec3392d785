"""Drawing of each place: sky or wall, ground, and the clutter and texture that an edit must not change."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from picturebook.world.brush import Point
from picturebook.world.palette import Color, shade
from picturebook.world.scene import Scene
from picturebook.world.sky import NIGHT_SKY, SUNSET_SKY, lit


def _near(rng: random.Random, color: Color, by: int = 10) -> Color:
    """Shift ``color`` a little, all channels together and each on its own."""
    light = rng.uniform(-by, by)
    r, g, b = (max(0, min(255, round(c + light + rng.uniform(-by / 2, by / 2)))) for c in color)
    return r, g, b


def _fade(n: int, top: int, bottom: int, above: Color, below: Color) -> Image.Image:
    """Return a strip ``n`` pixels wide and ``bottom - top`` high that fades from ``above`` to ``below``."""
    part = np.linspace(0, 1, max(1, bottom - top))[:, None, None]
    column = np.asarray(above) * (1 - part) + np.asarray(below) * part
    return Image.fromarray(np.repeat(column, n, axis=1).round().astype(np.uint8))


@dataclass(frozen=True)
class Setting:
    """Settings of a place: canvas size, horizon (as a fraction of it), time of day, and the clutter's generator."""

    n: int
    horizon: float
    time: str
    rng: random.Random


class Ground:
    """A canvas with sky and ground, on which a place draws its clutter, all in the light of the time of day.

    Every time of day draws the same random numbers, so that a change of time changes nothing else.
    """

    def __init__(self, setting: Setting, sky: tuple[Color, Color], floor: Color, roofed: bool = False) -> None:
        self.n, self.rng, self.time = setting.n, setting.rng, setting.time
        self.line = round(self.n * setting.horizon)
        above, below = (_near(self.rng, c) for c in sky)
        if not roofed and self.time != "day":
            above, below = NIGHT_SKY if self.time == "night" else SUNSET_SKY
        self.floor = _near(self.rng, floor)
        self.image = Image.new("RGB", (self.n, self.n))
        self.image.paste(_fade(self.n, 0, self.line, above, below), (0, 0))
        self.draw = ImageDraw.Draw(self.image)
        self.lay()
        if self.time == "night":
            self._stars(random.Random(f"stars {self.floor} {setting.horizon}"))

    def lay(self) -> None:
        """Draw the ground, over everything that is there."""
        n, light, dark = self.n, shade(self.floor, 0.12), shade(self.floor, -0.12)
        self.image.paste(_fade(n, self.line, n, lit(light, self.time), lit(dark, self.time)), (0, self.line))

    def oval(self, x: float, y: float, rx: float, ry: float, fill: Color, glows: bool = False) -> None:
        """Draw an ellipse, in fractions of the canvas. With ``glows`` it is as bright at any time of day."""
        n = self.n
        box = ((x - rx) * n, (y - ry) * n, (x + rx) * n, (y + ry) * n)
        self.draw.ellipse(box, fill=fill if glows else lit(fill, self.time))

    def rect(self, x0: float, y0: float, x1: float, y1: float, fill: Color, glows: bool = False) -> None:
        n = self.n
        self.draw.rectangle((x0 * n, y0 * n, x1 * n, y1 * n), fill=fill if glows else lit(fill, self.time))

    def shape(self, points: list[Point], fill: Color) -> None:
        self.draw.polygon([(x * self.n, y * self.n) for x, y in points], fill=lit(fill, self.time))

    @property
    def horizon(self) -> float:
        return self.line / self.n

    def sun(self, color: Color = (255, 240, 170)) -> None:
        """Draw the sun, or at night the moon."""
        shines = self.rng.random() < 0.6
        x = self.rng.choice((0.14, 0.86)) + self.rng.uniform(-0.06, 0.06)
        y, r = self.rng.uniform(0.10, 0.20), self.rng.uniform(0.045, 0.065)
        if self.time == "night":
            self.oval(x, y, r, r, (244, 244, 226), glows=True)
            self.oval(x + 0.4 * r, y - 0.2 * r, 0.8 * r, 0.8 * r, NIGHT_SKY[0], glows=True)
        elif shines or self.time == "sunset":
            self.oval(x, y, r, r, color if self.time == "day" else (255, 236, 150), glows=True)

    def _stars(self, rng: random.Random) -> None:
        for _ in range(9):
            x, y, r = rng.random(), rng.uniform(0.02, 0.8 * self.horizon), rng.uniform(0.006, 0.010)
            self.oval(x, y, r, r, (236, 236, 250), glows=True)

    def clouds(self, color: Color = (250, 250, 252)) -> None:
        for _ in range(self.rng.randrange(3)):
            x, y = self.rng.uniform(0.05, 0.95), self.rng.uniform(0.07, 0.24)
            for dx, r in ((-0.06, 0.032), (0, 0.045), (0.06, 0.03)):
                self.oval(x + dx, y, r * 1.5, r * 0.8, color)

    def scatter(self, count: int, fills: list[Color], size: tuple[float, float], flat: float = 0.5) -> None:
        """Draw small ovals on the ground, larger the nearer they are."""
        for _ in range(count):
            y = self.rng.uniform(self.horizon + 0.06, 0.98)
            r = self.rng.uniform(*size) * (0.6 + y)
            self.oval(self.rng.random(), y, r, r * flat, self.rng.choice(fills))

    def grain(self, ground: float, above: float = 0.015) -> Image.Image:
        """Return the finished canvas with a texture of light and dark: soft spots and fine grain.

        Args:
            ground, above: strength on the ground and above it, as a fraction of the brightness.
        """
        rng = np.random.default_rng(self.rng.randrange(2**31))
        field = np.zeros((self.n, self.n), np.float32)
        for cells, part in ((12, 0.4), (32, 0.5), (64, 0.4)):
            noise = Image.fromarray(rng.standard_normal((cells, cells)).astype(np.float32))
            field += part * np.asarray(noise.resize((self.n, self.n), Image.Resampling.BILINEAR))
        strength = np.full((self.n, 1), above, np.float32)
        strength[self.line :] = ground
        gain = 1 + strength * field
        return Image.fromarray((np.asarray(self.image) * gain[..., None]).clip(0, 255).astype(np.uint8))


def meadow(setting: Setting) -> Image.Image:
    g = Ground(setting, ((104, 178, 236), (196, 226, 244)), (100, 178, 76))
    g.sun()
    g.clouds()
    for _ in range(setting.rng.randrange(3)):
        g.oval(
            setting.rng.random(),
            g.horizon + 0.06,
            setting.rng.uniform(0.18, 0.34),
            setting.rng.uniform(0.09, 0.15),
            shade(g.floor, -0.18),
        )
    g.lay()
    g.scatter(setting.rng.randrange(4, 9), [shade(g.floor, -0.2)], (0.012, 0.028))
    g.scatter(setting.rng.randrange(0, 6), [(250, 250, 245), (250, 220, 80), (236, 120, 150)], (0.010, 0.014), 0.9)
    return g.grain(0.065)


def beach(setting: Setting) -> Image.Image:
    g = Ground(setting, ((112, 190, 240), (214, 236, 246)), (236, 212, 156))
    g.sun()
    g.clouds()
    sea = _near(setting.rng, (48, 136, 190))
    g.rect(0, g.horizon, 1, g.horizon + setting.rng.uniform(0.08, 0.12), sea)
    if setting.rng.random() < 0.4:
        x, y = setting.rng.choice((0.15, 0.85)), g.horizon + 0.01
        g.shape([(x, y - 0.13), (x, y), (x + 0.08, y)], (250, 248, 244))
    g.scatter(setting.rng.randrange(3, 8), [shade(g.floor, -0.15), (250, 244, 232), (222, 150, 130)], (0.012, 0.022))
    return g.grain(0.045)


def snow(setting: Setting) -> Image.Image:
    g = Ground(setting, ((158, 178, 206), (216, 224, 236)), (236, 240, 248))
    for _ in range(setting.rng.randrange(1, 5)):
        x, h = setting.rng.random(), setting.rng.uniform(0.14, 0.24)
        y, green = g.horizon + 0.02, _near(setting.rng, (60, 104, 92))
        for k in (0.0, 0.4):
            w = h * (0.32 - 0.1 * k)
            g.shape([(x - w, y - h * k), (x + w, y - h * k), (x, y - h * (0.65 + k * 0.9))], green)
    g.scatter(setting.rng.randrange(3, 7), [shade(g.floor, -0.09), (255, 255, 255)], (0.025, 0.05), 0.35)
    return g.grain(0.03)


def street(setting: Setting) -> Image.Image:
    g = Ground(setting, ((170, 186, 204), (208, 214, 220)), (116, 118, 126))
    x = setting.rng.uniform(-0.12, 0.0)
    while x < 1:
        w, top = setting.rng.uniform(0.16, 0.26), setting.rng.uniform(0.06, 0.30)
        if setting.rng.random() < 0.75:
            wall = _near(
                setting.rng,
                setting.rng.choice([(186, 124, 104), (196, 176, 140), (150, 150, 170), (160, 140, 150)]),
                14,
            )
            g.rect(x, top, x + w, g.horizon, wall)
            pane = setting.rng.choice([(238, 226, 160), shade(wall, -0.35)])
            for row in np.arange(top + 0.05, g.horizon - 0.07, 0.12):
                for col in (x + w * 0.2, x + w * 0.6):
                    g.rect(col, row, col + w * 0.2, row + 0.055, pane)
        x += w + setting.rng.uniform(0.0, 0.05)
    g.rect(0, g.horizon, 1, g.horizon + 0.045, (176, 174, 170))
    y, shift = setting.rng.uniform(0.90, 0.95), setting.rng.random() * 0.3
    for k in range(-1, 4):
        g.rect(k * 0.3 + shift, y, k * 0.3 + shift + 0.16, y + 0.022, (232, 230, 214))
    return g.grain(0.05)


def room(setting: Setting) -> Image.Image:
    wall = setting.rng.choice([(236, 214, 178), (206, 220, 206), (226, 200, 204)])
    g = Ground(setting, (wall, shade(wall, -0.06)), (158, 112, 78))
    if setting.rng.random() < 0.85:
        x, y, w, h = (
            setting.rng.choice((0.16, 0.82)) + setting.rng.uniform(-0.05, 0.05),
            setting.rng.uniform(0.16, 0.22),
            0.11,
            0.11,
        )
        if setting.rng.random() < 0.6:
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
                _near(setting.rng, setting.rng.choice([(90, 150, 150), (214, 150, 90), (130, 120, 170)]), 20),
            )
    g.rect(0, g.horizon, 1, g.horizon + 0.025, (244, 238, 228))
    for k in range(1, 4):
        y = g.horizon + 0.03 + (1 - g.horizon) * (k / 4) ** 1.4
        g.rect(0, y, 1, y + 0.008, shade(g.floor, -0.15))
    if setting.rng.random() < 0.6:
        g.oval(
            setting.rng.uniform(0.35, 0.65),
            setting.rng.uniform(0.84, 0.92),
            setting.rng.uniform(0.34, 0.44),
            0.10,
            _near(setting.rng, setting.rng.choice([(176, 70, 70), (80, 110, 150), (206, 176, 110)])),
        )
    return g.grain(0.03)


def desert(setting: Setting) -> Image.Image:
    g = Ground(setting, ((246, 186, 120), (250, 226, 176)), (222, 158, 92))
    g.sun((255, 246, 206))
    for _ in range(setting.rng.randrange(1, 3)):
        g.oval(
            setting.rng.random(),
            g.horizon + 0.05,
            setting.rng.uniform(0.2, 0.4),
            setting.rng.uniform(0.08, 0.14),
            shade(g.floor, -0.12),
        )
    g.lay()
    for _ in range(setting.rng.randrange(3)):
        x, h, green = (
            setting.rng.choice((0.10, 0.20, 0.80, 0.90)) + setting.rng.uniform(-0.04, 0.04),
            setting.rng.uniform(0.16, 0.26),
            _near(setting.rng, (76, 132, 84)),
        )
        y = g.horizon + 0.06
        g.rect(x - 0.018, y - h, x + 0.018, y, green)
        g.rect(x - 0.065, y - h * 0.55, x, y - h * 0.40, green)
        g.rect(x - 0.065, y - h * 0.80, x - 0.04, y - h * 0.40, green)
        g.rect(x, y - h * 0.45, x + 0.065, y - h * 0.32, green)
        g.rect(x + 0.04, y - h * 0.70, x + 0.065, y - h * 0.32, green)
    g.scatter(setting.rng.randrange(3, 8), [shade(g.floor, -0.2), (150, 112, 90)], (0.012, 0.028))
    return g.grain(0.05)


_PLACES: dict[str, Callable[[Setting], Image.Image]] = {
    "meadow": meadow,
    "beach": beach,
    "snow": snow,
    "street": street,
    "room": room,
    "desert": desert,
}


def draw_place(scene: Scene, n: int) -> Image.Image:
    """Draw the scene's place with its clutter, without any subject, on a canvas of ``n`` by ``n`` pixels."""
    return _PLACES[scene.place](Setting(n, scene.horizon, scene.time, random.Random(f"place {scene.clutter}")))
