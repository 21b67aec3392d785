"""Images for raters: encoded anew from pixels, all of one size, format and length, under opaque names."""

from __future__ import annotations

import hashlib
import hmac
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from tedbench.disk import writing

Format = Literal["jpeg", "png"]
FORMATS: dict[Format, str] = {"jpeg": "jpg", "png": "png"}
"""File name suffixes."""
LEAST_PADDING, STEP = 32, 1024
"""Bytes: the minimum padding of a file, and the unit of which the common length is a multiple."""
TIME = 946684800
"""Modification time of every file: real ones would show the order of writing in a server's headers."""


def opaque(secret: bytes, *what: str | int) -> str:
    """Return 32 hex digits that only the holder of the secret can trace back: HMAC-SHA256 of the given values."""
    return hmac.new(secret, "\0".join(map(str, what)).encode(), hashlib.sha256).hexdigest()[:32]


def resized(image: np.ndarray, size: int) -> np.ndarray:
    """Return (size, size, 3) uint8 of a square image, resampled with antialiasing if it has another size."""
    if image.shape[0] == size:
        return image
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.LANCZOS))


def encoded(image: np.ndarray, format: Format) -> bytes:
    """Encode (H, W, 3) uint8 RGB without any metadata.

    JPEG is of quality 95 without chroma subsampling; its headers are the same for every image of a size.
    """
    file = io.BytesIO()
    options = {"quality": 95, "subsampling": 0} if format == "jpeg" else {}
    Image.fromarray(image).save(file, format=format, **options)
    return file.getvalue()


def write_images(folder: Path, files: Mapping[str, bytes], secret: bytes) -> int:
    """Write encoded images under their names, all padded to one length.

    The padding comes after the image's end, where every decoder stops. It is noise keyed by the name, so that two
    copies of one image have different bytes (and checksums), and compression during transfer does not remove it.

    Args:
        folder: created if needed.
        files: encoded images by name.
        secret: the study's.

    Returns:
        The length in bytes.
    """
    longest = max(map(len, files.values())) + LEAST_PADDING
    length = -(-longest // STEP) * STEP
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            noise = hashlib.shake_128(secret + name.encode()).digest(length - len(content))
            (folder / name).write_bytes(content + noise)
            os.utime(folder / name, (TIME, TIME))
    return length
