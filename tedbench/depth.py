"""Images of more than 8 bits: their white level, and their conversion to 8 bits."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from tedbench.errors import ImageError
from tedbench.once import warn_once

ROUNDING = 1e-3
"""Distance by which floats may leave the range 0 to 1 and still mean it, through resampling and rounding."""
DARK = 1 / 16
"""Share of white. A darker image is probably read in another range than it was written in (12 bits in 16)."""
BITS, WHITE_IS_ZERO, LARGEST, FORMAT = 258, 262, 281, 339
"""TIFF tags: BitsPerSample, PhotometricInterpretation, MaxSampleValue, SampleFormat."""
OTHER_BYTE = {
    "16B": "16L",
    "16L": "16B",
    "16N": "16B" if sys.byteorder == "little" else "16L",
}


class FileHeader(NamedTuple):
    """The description of an image in its file, read before the pixels are decoded.

    Attributes:
        name: of the file; "a picture" if there is none.
        path: of the file, or None.
        format: "PNG", "TIFF", …; None for an image made in memory.
        raw: the file's layout of samples, in Pillow's words ("RGB;16B").
        tags: those of a TIFF's tags that are read here, by number.
    """

    name: str
    path: Path | None
    format: str | None
    raw: str
    tags: dict[int, Any]

    @classmethod
    def of(cls, image: Image.Image) -> FileHeader:
        name = str(getattr(image, "filename", "") or "")
        return cls(
            name or "a picture",
            Path(name) if name else None,
            image.format,
            _raw(image),
            _tags(image),
        )

    @property
    def low_bits(self) -> int:
        """Bits per sample if fewer than 8 (for a grey PNG, whose transparent value counts in them); otherwise 8."""
        return {"L;2": 2, "L;4": 4}.get(self.raw, 8)

    @property
    def sixteen_bit_colours(self) -> bool:
        """True if the file has 16 bits per colour, of which Pillow keeps the upper 8."""
        return self.raw.partition(";")[0] in ("RGB", "RGBA", "RGBX") and self.raw[-3:] in OTHER_BYTE

    @property
    def states_fewer_bits(self) -> bool:
        """True if white is less than 65535 in an image stored with 16 bits."""
        return self.white(0) < 65535

    def white(self, most: float) -> float:
        """Return the value of white in 16 bits; ``most`` is the largest value in the image."""
        bits = _number(self.tags.get(BITS))
        stated = 2**bits - 1 if 8 < bits < 16 else _number(self.tags.get(LARGEST))
        fewer = max(most, 256) <= stated < 65535 and (stated & (stated + 1)) == 0
        return float(stated) if fewer else 65535.0


class Levels(NamedTuple):
    """Samples at the file's own depth.

    Attributes:
        values: (H, W) or (H, W, 3) float64, from 0 (black).
        white: the value of white.
    """

    values: np.ndarray
    white: float

    def bytes(self) -> np.ndarray:
        """Convert to uint8 of the same shape, rounded."""
        result: np.ndarray = (self.values / (self.white / 255)).clip(0, 255).round().astype(np.uint8)
        return result


def grey_levels(image: Image.Image, header: FileHeader) -> Levels:
    """Return the levels of an image of whole numbers above 8 bits, or of floats (Pillow's modes I, I;16… and F).

    - Floats within 0 to 1 are taken as such, up to 255 as 0 to 255.
    - 32-bit whole numbers up to 255 are taken as 8 bits, up to 65535 as 16 bits.
    - 16 bits are 16 bits, unless the file states fewer: TIFF's BitsPerSample, or a MaxSampleValue of 2ⁿ − 1. (TIFF has
      MaxSampleValue for statistics; another value is the image's largest, not white.)

    Raises:
        ImageError: values that are not numbers, negative, or larger than any of these ranges.
    """
    values = np.asarray(image, dtype=np.float64)
    least, most = float(values.min()), float(values.max())
    allowed = ROUNDING if image.mode.startswith("F") else 0.0
    if not (np.isfinite(least) and np.isfinite(most)):
        raise _unclear(header, "has values that are no finite numbers")
    if least < -allowed:
        raise _unclear(header, f"has negative values (down to {least:g})")
    white = _white(image.mode, header, most)
    if white is None:
        raise _unclear(header, f"has values up to {most:g}")
    if header.tags.get(WHITE_IS_ZERO) == 0:  # Pillow inverts those of 8 bits and fewer itself
        values = white - values
    else:
        warn_of_dark(header, most / white)
    return Levels(values, white)


def refuse_signed(image: Image.Image, header: FileHeader) -> None:
    """Refuse signed 8-bit TIFFs with values below 0, which Pillow decodes as light ones.

    Raises:
        ImageError: there are such values.
    """
    if header.tags.get(FORMAT) == (2,) and image.mode == "L" and np.asarray(image).max() > 127:
        raise _unclear(header, "has negative values")


def colour_levels(header: FileHeader) -> Levels | None:
    """Return all 16 bits of each colour, (H, W, 3), rotated by EXIF; None if the file or Pillow does not have them.

    Pillow has no mode for them and decodes one byte of the two. With the opposite byte order it decodes the other byte.
    """
    if header.path is None or not header.sixteen_bit_colours:
        return None
    halves = []
    for other in (False, True):
        with Image.open(header.path) as image:
            if other and not _swap(image):
                return None
            halves.append(np.asarray(ImageOps.exif_transpose(image))[..., :3])
    values = halves[0] * 256.0 + halves[1]
    return Levels(values, header.white(float(values.max())))


def warn_of_dark(header: FileHeader, share: float) -> None:
    """Warn of an image whose lightest sample is a small share of white."""
    if 0 < share < DARK:
        warn_once(
            f"{header.name} is nearly black: its largest value is {share:.1%} of white. If it was meant to be lighter, "
            "save it with 8 bits."
        )


def _white(mode: str, header: FileHeader, most: float) -> float | None:
    if mode.startswith("F"):
        return 1.0 if most <= 1 + ROUNDING else 255.0 if most <= 255 else None
    if not mode.startswith("I;16") and header.format not in ("PNG", "PPM"):  # for those Pillow's mode I means 16 bits
        return 255.0 if most <= 255 else 65535.0 if most <= 65535 else None
    return header.white(most)


def _tags(image: Image.Image) -> dict[int, Any]:
    found: dict[int, Any] = {}
    for number in (BITS, WHITE_IS_ZERO, LARGEST, FORMAT):
        with suppress(Exception):  # for a damaged tag Pillow raises all kinds of errors, on access only
            found[number] = getattr(image, "tag_v2", {}).get(number)
    return found


def _number(tag: Any) -> int:
    first = tag[0] if isinstance(tag, tuple) and tag else tag
    return int(first) if isinstance(first, (int, float)) else 0


def _unclear(header: FileHeader, what: str) -> ImageError:
    return ImageError(
        f"{header.name} cannot be read as an image (it {what}; floats go from 0 to 1 or to 255, whole numbers to 255 "
        "or 65535). Save it with 8 bits, or leave its pairs out."
    )


def _raw(image: Image.Image) -> str:
    tiles = getattr(image, "tile", None)
    arguments = tiles[0][3] if tiles else None
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def _swap(image: Image.Image) -> bool:
    raw = _raw(image)
    if raw[-3:] not in OTHER_BYTE:
        return False
    other = raw[:-3] + OTHER_BYTE[raw[-3:]]
    image.tile = [  # type: ignore[attr-defined]
        tile._replace(args=(other, *tile.args[1:]) if isinstance(tile.args, tuple) else other)
        for tile in image.tile  # type: ignore[attr-defined]
    ]
    return True
