"""Shapes of images: alignment of an edited image with its input, and mapping of it onto the input's square."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image

from tedbench.image import MAX_PIXELS, square

Geometry = Literal["crop", "squash", "pad"]
GEOMETRIES: tuple[Geometry, ...] = ("crop", "squash", "pad")
TOLERANCE = 1.02
"""Ratio of two aspects that count as the same: many models round sizes to multiples of 8 or 64."""

ORIENTATION = 0x0112
"""The EXIF tag whose values from 5 to 8 say that width and height are exchanged."""


class Size(NamedTuple):
    """Size of an upright image in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}×{self.height}"

    def same_aspect(self, other: Size) -> bool:
        """True if the two shapes differ by rounding only (2%)."""
        one, another = self.width * other.height, other.width * self.height
        return max(one, another) <= TOLERANCE * min(one, another)

    @property
    def square(self) -> Size:
        """Size of the centre square."""
        side = min(self)
        return Size(side, side)


class Returned(NamedTuple):
    """The form in which an editor that chooses its size returned an image.

    Attributes:
        size: of the image.
        brought: the way in which it was brought to the pair's square: "" as it is, "resized" from another square, or "cut" to its centre
            square.
    """

    size: Size
    brought: str = ""


def size_of(image: np.ndarray) -> Size:
    """Return the size of an (H, W, 3) image."""
    return Size(image.shape[1], image.shape[0])


def size_in_file(path: Path) -> Size | None:
    """Return the size of the image in a file, from its header alone; None if it cannot be read."""
    try:
        if not path.is_file():  # a device or pipe would never end
            return None
        with Image.open(path) as image:
            width, height = image.size
            if width != height and width * height <= MAX_PIXELS and image.getexif().get(ORIENTATION) in (5, 6, 7, 8):
                width, height = height, width
            return Size(width, height)
    except Exception:  # decoders raise all kinds of errors for a broken file; read_image reports it
        return None


def lies_on(edited: Size, original: Size, geometry: Geometry | None) -> bool:
    """True if the centre square of an edited image shows the same place as that of its input.

    Args:
        edited, original: sizes of the edited image and of its input.
        geometry: the given geometry, or None. Without one, a square edit of an input that is not square may be the
            centre of the input or all of it squashed, so it is not known to be aligned.
    """
    if edited.same_aspect(original) or geometry in ("squash", "pad"):
        return True
    return geometry == "crop" and edited.same_aspect(edited.square)


def brought_back(image: np.ndarray, side: int) -> tuple[np.ndarray, Returned]:
    """Bring an image that was made of a pair's square back to that square, and say how.

    Args:
        image: (H, W, 3) uint8; of another shape, its centre square is taken.
        side: of the pair's canonical square.
    """
    size = size_of(image)
    brought = "" if size == (side, side) else "resized" if size.width == size.height else "cut"
    return square(image, side) if brought else image, Returned(size, brought)


def mask_square(mask: np.ndarray, side: int) -> np.ndarray:
    """Return a mask in its pair's square, see :func:`tedbench.image.square`: (side, side) bool.

    A pixel is marked if it is at least half as bright as the mask's brightest one, so that masks of 0 and 255 and of 0
    and 1 mean the same. A pixel of the square is marked if at least half of its area is.

    Args:
        mask: (H, W, 3) uint8; black is kept.
        side: of the pair's canonical square.
    """
    height, width = mask.shape[:2]
    least = min(height, width)
    top, left = (height - least) // 2, (width - least) // 2
    bright = mask.max(axis=2)
    marked = (bright > 0) & (bright.astype(int) * 2 >= int(bright.max()))
    area = Image.fromarray(marked[top : top + least, left : left + least].astype(np.float32))
    return np.array(area.resize((side, side), Image.Resampling.BOX)) >= 0.5


def onto_square(image: np.ndarray, side: int, original: Size, geometry: Geometry) -> np.ndarray:
    """Return an edited image as (side, side, 3) uint8 in its pair's square.

    Args:
        image: (H, W, 3) uint8, of any shape.
        side: of the pair's canonical square.
        original: size of the input.
        geometry: the way the edit was made. "crop": it has the input's aspect, or is its centre square already.
            "squash": the whole input was resized to the edit's shape. "pad": the input was put into the middle of the
            edit's shape with bars on two sides.
    """
    width, height = size_of(image)
    if geometry == "crop" or width * original.height == height * original.width:
        return square(image, side)
    inner = Size(width, height)  # size of the whole input within the edit
    if geometry == "pad":
        scale = min(width / original.width, height / original.height)
        inner = Size(max(1, round(original.width * scale)), max(1, round(original.height * scale)))
    across, down = inner.width / original.width, inner.height / original.height
    # the input's centre square, cut as in tedbench.image.square, in the edit's pixels
    least = min(original)
    left = (width - inner.width) // 2 + (original.width - least) // 2 * across
    top = (height - inner.height) // 2 + (original.height - least) // 2 * down
    box = (left, top, min(left + least * across, width), min(top + least * down, height))
    return np.array(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC, box=box))
