"""Images at every border of the project: sRGB, uint8, (height, width, 3)."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageOps

from tedbench.colour import ProfileError, colour_description, convert, warn_unsuitable
from tedbench.depth import FileHeader, Levels, colour_levels, grey_levels, refuse_signed, warn_of_dark
from tedbench.errors import ImageError
from tedbench.once import warn_once

MAX_PIXELS = 100_000_000
"""Larger images are refused: a small file could fill all of the memory when unpacked."""


def to_rgb(image: Image.Image, background: int = 255) -> np.ndarray:
    """Convert any image to (H, W, 3) uint8 in sRGB; to be called before its pixels are loaded.

    EXIF rotation applied, colour profiles converted (:mod:`tedbench.colour`), transparency flattened on white or another grey,
    grey and palettes expanded, more than 8 bits scaled to 8 (:func:`tedbench.depth.grey_levels`).

    Raises:
        ImageError: its values have no clear meaning.
    """
    header, info = FileHeader.of(image), dict(image.info)
    image = ImageOps.exif_transpose(image)
    base, alpha, levels = _parts(image, header)
    rgb = None
    try:
        meaning = None if image.mode == "LAB" else colour_description(info, header)  # Lab defines its colours itself
        if meaning is not None:
            rgb = convert(base, levels or colour_levels(header), meaning)
    except ProfileError as reason:
        warn_unsuitable(header, reason)
    if rgb is None:
        rgb = np.array(base.convert("RGB"))
    if alpha is None:
        return rgb
    above = Image.fromarray(rgb)
    above.putalpha(alpha)
    below = Image.new("RGBA", above.size, (background, background, background, 255))
    return np.array(Image.alpha_composite(below, above).convert("RGB"))


def _parts(image: Image.Image, header: FileHeader) -> tuple[Image.Image, Image.Image | None, Levels | None]:
    """Return the image as L, RGB, CMYK or LAB, its opacity (L) if any, and its values if of more than 8 bits."""
    clear = image.info.get("transparency")  # one colour, or a palette's opacities
    levels, alpha = None, None
    if image.mode.startswith(("I", "F")):
        levels = grey_levels(image, header)
        alpha = None if clear is None else _opacity(np.asarray(image) != clear)
        return Image.fromarray(levels.bytes()), alpha, levels
    refuse_signed(image, header)
    if header.sixteen_bit_colours and (clear is not None or header.states_fewer_bits):
        levels = colour_levels(header)
    if image.mode == "RGB" and clear is not None and levels is not None:
        alpha = _opacity((levels.values != clear).any(axis=2))
    elif image.mode == "L" and clear is not None:
        alpha = _opacity(np.asarray(image) != clear * 255 // (2**header.low_bits - 1))
    elif image.has_transparency_data:
        image = image.convert("LA" if image.mode == "La" else "RGBA")  # Pillow converts La to nothing else
        alpha = image.getchannel("A")
    if header.sixteen_bit_colours:
        if levels is not None and header.states_fewer_bits:
            image = Image.fromarray(levels.bytes())
        warn_of_dark(header, np.asarray(image.convert("RGB")).max() / 255)
    if header.format == "JPEG" and image.mode == "CMYK" and "adobe" not in image.info:
        image = ImageChops.invert(image)  # Pillow inverts every CMYK JPEG; without Adobe's mark 0 is no ink (T.872)
    if image.mode in ("1", "L", "LA"):
        return image.convert("L"), alpha, levels
    return image if image.mode in ("CMYK", "LAB") else image.convert("RGB"), alpha, levels


def _opacity(opaque: np.ndarray) -> Image.Image:
    return Image.fromarray(np.where(opaque, np.uint8(255), np.uint8(0)))


def read_image(path: Path | str, background: int = 255) -> np.ndarray:
    """Read the image in a file, whatever its extension: (H, W, 3) uint8 in sRGB, see :func:`to_rgb`.

    Warns, once a file, of guesses: which of several images, an unusable colour profile, a range of values that leaves
    the image nearly black.

    Raises:
        ImageError: the file is missing, no image, cut off, larger than :data:`MAX_PIXELS`, or of unclear values.
    """
    path = Path(path)
    try:
        if path.exists() and not path.is_file():
            raise ImageError(  # a device or pipe would never end
                f"{path} cannot be read as an image (it is not a file). Replace it, or leave its pairs out."
            )
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ImageError(
                    f"{path} has {image.width}×{image.height} pixels, more than {MAX_PIXELS:,}. Make it smaller."
                )
            rgb = to_rgb(image, background)
            if (count := _pictures(image)) > 1:
                warn_once(
                    f"{path} holds {count} pictures, of which the first is used. "
                    "Save the one that is meant as a file of its own."
                )
            return rgb
    except FileNotFoundError:
        raise ImageError(f"{path} does not exist. Check the path, or the dataset's root.") from None
    except ImageError:
        raise
    except Exception as error:  # decoders raise all kinds of errors for a broken file
        raise ImageError(
            f"{path} cannot be read as an image ({error}). Replace the file, or leave its pairs out."
        ) from None


def _pictures(image: Image.Image) -> int:
    """Return the number of frames or pages; 1 for formats that store previews or layers beside the image itself."""
    if image.format in ("MPO", "PSD"):
        return 1
    with suppress(Exception):  # the first was read; errors in the others do not matter
        return int(getattr(image, "n_frames", 1))
    return 1


def square(image: np.ndarray, size: int) -> np.ndarray:
    """Crop the centre square and resize it, bicubic and antialiased, to (size, size, 3) uint8: a pair's geometry."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    image = image[top : top + side, left : left + side]
    if side == size:
        return np.ascontiguousarray(image)
    return np.array(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))


def write_png(path: Path, image: np.ndarray) -> None:
    """Write (H, W, 3) uint8 as PNG and fsync it."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"expected (H, W, 3) uint8, got {image.shape} {image.dtype}")
    with open(path, "wb") as file:
        Image.fromarray(image).save(file, format="PNG")
        file.flush()
        os.fsync(file.fileno())
