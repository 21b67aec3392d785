"""Zoom and shift of an edited image against its input, which instruction editors bring along with the edit."""

from __future__ import annotations

from functools import cache
from typing import ClassVar, Literal, NamedTuple, get_args

import numpy as np
from PIL import Image
from scipy import fft, ndimage

from eval.metrics.base import Kind, Metric, Reference, check_images
from eval.metrics.recent import Recent, content
from tedbench.errors import UserError

SIDE = 192
"""Side in pixels at which images are compared."""
STEP = 0.015
"""Step of the zooms that are tried, of their logarithm; the best is refined to a third of it."""
STEPS = 15
"""Number of steps each way: zooms from .8 to 1.25."""
MOST_SHIFT = 0.2
"""Longest shift along an axis that is found, in sides."""
CLEAR = 1.25
"""Least ratio of the best zoom's correlation peak to the peaks of zooms further than :data:`APART` from it. Of TEdBench's 40 photographs,
zoomed by up to 12%, shifted by up to 6% along each axis and with 36% of their area replaced by another, 36 pass, with errors of at most
.8% of the zoom and .4% of the side; of 40 pairs of unrelated ones, 1."""
APART = 0.04
"""Distance of the logarithms of zooms whose peaks are another's."""
MOVED = 0.01
"""Least zoom, as a ratio less 1, or shift, in sides, that counts as a movement."""

What = Literal["zoom", "shift", "moved"]


class Movement(NamedTuple):
    """A similarity that lays the input on an edited image.

    Attributes:
        zoom: ratio of sizes; 1.1 if the edit shows everything a tenth larger.
        right, down: shift of the centre, in sides of the square.
    """

    zoom: float
    right: float
    down: float

    @property
    def shift(self) -> float:
        """Length of the shift, in sides of the square."""
        return float(np.hypot(self.right, self.down))

    @property
    def moved(self) -> bool:
        """True if zoom or shift is more than :data:`MOVED`."""
        return abs(self.zoom - 1) > MOVED or self.shift > MOVED


class Registered(Metric):
    """Zoom, shift, or whether there is either, of the whole picture; no score if the edit cannot be laid on its input.

    The edges of the input, at several zooms, are compared with those of the edit by phase correlation (Kuglin and Hines 1975), in which
    what has changed is noise. Where no zoom stands out (:data:`CLEAR`), as after a change of most of the picture, there is no score.
    """

    kind: ClassVar[Kind] = "geometry"
    reads = ()
    partial = True

    def __init__(self, what: What = "zoom", device: str = "cpu") -> None:
        """
        Args:
            what: "zoom", a ratio; "shift", in percent of the side; or "moved", 1 if either is more than 1%.
            device: without effect; computed on the CPU.

        Raises:
            UserError: there is no such measure.
        """
        if what not in get_args(What):
            raise UserError(f"Registered measures no {what!r}. Give what={', '.join(get_args(What))}.")
        self._what = what
        self.name = f"{what}/phase{SIDE}"
        self.heading = {"zoom": "zoom", "shift": "shift in %", "moved": "moved"}[what]
        self.rank, self.share = get_args(What).index(what), what == "moved"
        self.bounds = {"zoom": (0.5, 2.0), "shift": (0.0, 100.0), "moved": (0.0, 1.0)}[what]
        if what == "moved":
            self.about = "moved: the whole picture is zoomed by more than 1% or shifted by more than 1% of its side"

    def score(self, reference: Reference, images: np.ndarray) -> np.ndarray:
        """Return ratios, percent, or 0 and 1, (N,) float64; NaN for an image that cannot be laid on the input."""
        check_images(reference, images)
        return np.array([self._number(movement(reference.image, image)) for image in images], dtype=float)

    def _number(self, found: Movement | None) -> float:
        if found is None:
            return np.nan
        return {"zoom": found.zoom, "shift": 100 * found.shift, "moved": float(found.moved)}[self._what]


_INPUTS: Recent[dict[float, np.ndarray]] = Recent(4)
_FOUND: Recent[Movement | None] = Recent(1000)  # three metrics measure one pair's images in turn


def movement(image: np.ndarray, edited: np.ndarray) -> Movement | None:
    """Return how the whole picture moved; None if no movement stands out.

    Args:
        image: the input, (size, size, 3) uint8.
        edited: the edited image, of the same size.
    """
    return _FOUND.get(content(image, edited), lambda: _movement(image, edited))


def _movement(image: np.ndarray, edited: np.ndarray) -> Movement | None:
    if np.array_equal(image, edited):
        return Movement(1.0, 0.0, 0.0)
    inputs = _INPUTS.get(content(image), dict)
    wanted = _spectrum(edited, 0.0)

    def peak(log_zoom: float) -> tuple[float, float, float]:
        key = round(log_zoom, 6)
        if key not in inputs:
            inputs[key] = _spectrum(image, log_zoom)
        return _peak(wanted, inputs[key])

    peaks = {step * STEP: peak(step * STEP) for step in range(-STEPS, STEPS + 1)}
    coarse = max(peaks, key=lambda log_zoom: peaks[log_zoom][0])
    near = {coarse + part * STEP / 3: peak(coarse + part * STEP / 3) for part in (-2, -1, 0, 1, 2)}
    best = max(near, key=lambda log_zoom: near[log_zoom][0])
    height, right, down = near[best]
    if height <= CLEAR * max(found[0] for each, found in peaks.items() if abs(each - best) > APART):
        return None
    return Movement(float(np.exp(best)), right, down)


def _spectrum(image: np.ndarray, log_zoom: float) -> np.ndarray:
    """Return the transform of an image's edges, zoomed about its centre: (SIDE, SIDE // 2 + 1) complex."""
    zoom, side = float(np.exp(log_zoom)), image.shape[0]
    gray = Image.fromarray(image).convert("L")
    if zoom >= 1:
        rim = side * (1 - 1 / zoom) / 2
        shown = np.array(gray.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=(rim, rim, side - rim, side - rim)))
    else:
        inner = round(SIDE * zoom)
        small = np.array(gray.resize((inner, inner), Image.Resampling.BICUBIC))
        shown, rest = np.full((SIDE, SIDE), small.mean()), (SIDE - inner) // 2
        shown[rest : rest + inner, rest : rest + inner] = small
    shown = shown.astype(float)
    edges = np.sqrt(np.hypot(ndimage.sobel(shown, 0), ndimage.sobel(shown, 1)))
    return np.asarray(fft.rfft2((edges - edges.mean()) * _window()))


@cache
def _window() -> np.ndarray:
    inner = np.sqrt(np.hanning(SIDE + 2)[1:-1])
    return np.outer(inner, inner)


@cache
def _smooth() -> np.ndarray:
    """Return the transform of a Gaussian of one pixel, which makes the peak of a fraction of a pixel's shift one."""
    across, down = fft.rfftfreq(SIDE)[None], fft.fftfreq(SIDE)[:, None]
    return np.asarray(np.exp(-2 * np.pi**2 * (across**2 + down**2)))


def _peak(edited: np.ndarray, image: np.ndarray) -> tuple[float, float, float]:
    """Return the height of the highest correlation, and its shift to the right and down, in sides."""
    cross = edited * np.conj(image)
    size = np.abs(cross)
    plane = fft.fftshift(fft.irfft2(cross / (size + 1e-6 * size.max() + 1e-12) * _smooth(), (SIDE, SIDE)))
    middle, most = SIDE // 2, int(MOST_SHIFT * SIDE)
    inner = plane[middle - most : middle + most + 1, middle - most : middle + most + 1]
    down, right = np.unravel_index(int(inner.argmax()), inner.shape)
    across, along = (_finer(inner, int(down), int(right), axis) - most for axis in (1, 0))
    return float(inner[down, right]), across / SIDE, along / SIDE


def _finer(plane: np.ndarray, down: int, right: int, axis: int) -> float:
    """Return the position of a peak along an axis, from a parabola through it and its neighbours."""
    line, at = (plane[down], right) if axis else (plane[:, right], down)
    if not 0 < at < len(line) - 1:
        return float(at)
    before, here, after = line[at - 1 : at + 2]
    bend = before - 2 * here + after
    return float(at + 0.5 * (before - after) / bend) if bend < 0 else float(at)
