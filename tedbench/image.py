"""Images at every border of the project: RGB, uint8, (height, width, 3)."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from tedbench.errors import ImageError

MAX_PIXELS = 100_000_000
"""Larger images are refused: a small file can unpack to all of the memory."""


def to_rgb(image: Image.Image) -> np.ndarray:
    """Any picture as (H, W, 3) uint8: EXIF turned, transparency flattened on white, grey and palettes expanded.

    16-bit pictures are scaled to 8 bits.
    """
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image, dtype=np.float64)
        if image.mode.startswith("I"):
            values = values / 257
        image = Image.fromarray(values.clip(0, 255).round().astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return np.array(image.convert("RGB"))


def read_image(path: Path | str) -> np.ndarray:
    """The picture in a file, whatever its extension says: (H, W, 3) uint8.

    Raises:
        ImageError: the file is missing, no image, cut off, or larger than :data:`MAX_PIXELS`.
    """
    path = Path(path)
    try:
        if path.exists() and not path.is_file():
            raise ImageError(  # a device or pipe would never end
                f"{path} cannot be read as an image (it is no file). Replace it, or leave its pairs out."
            )
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ImageError(
                    f"{path} has {image.width}×{image.height} pixels, more than {MAX_PIXELS:,}. Make it smaller."
                )
            return to_rgb(image)
    except FileNotFoundError:
        raise ImageError(f"{path} does not exist. Check the path, or the dataset's root.") from None
    except ImageError:
        raise
    except Exception as error:  # decoders raise whatever a broken file makes them
        raise ImageError(
            f"{path} cannot be read as an image ({error}). Replace the file, or leave its pairs out."
        ) from None


def square(image: np.ndarray, size: int) -> np.ndarray:
    """The pair's one geometry: the centre square, resized with antialiased bicubic to (size, size, 3) uint8."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    image = image[top : top + side, left : left + side]
    if side == size:
        return np.ascontiguousarray(image)
    return np.array(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))


def write_png(path: Path, image: np.ndarray) -> None:
    """Writes (H, W, 3) uint8 and makes sure that it is on the disk."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"expected (H, W, 3) uint8, got {image.shape} {image.dtype}")
    with open(path, "wb") as file:
        Image.fromarray(image).save(file, format="PNG")
        file.flush()
        os.fsync(file.fileno())
