"""Images as raters get them: encoded anew from pixels, all of one size, format and length, under names that say nothing."""

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
"""Bytes: of padding that every file has, and of which the common length is a multiple."""
TIME = 946684800
"""Every file's time of modification: the order in which they were written would show in a server's headers."""


def opaque(secret: bytes, *what: str | int) -> str:
    """32 hex digits that only the holder of the secret can trace back: HMAC-SHA256 of what they name."""
    return hmac.new(secret, "\0".join(map(str, what)).encode(), hashlib.sha256).hexdigest()[:32]


def resized(image: np.ndarray, size: int) -> np.ndarray:
    """(size, size, 3) uint8 of a square picture, resampled with antialiasing where it has another size."""
    if image.shape[0] == size:
        return image
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.LANCZOS))


def encoded(image: np.ndarray, format: Format) -> bytes:
    """A file of nothing but the pixels of (H, W, 3) uint8 RGB: no metadata.

    JPEG is of quality 95 without chroma subsampling; its headers are the same for every picture of a size.
    """
    file = io.BytesIO()
    options = {"quality": 95, "subsampling": 0} if format == "jpeg" else {}
    Image.fromarray(image).save(file, format=format, **options)
    return file.getvalue()


def write_images(folder: Path, files: Mapping[str, bytes], secret: bytes) -> int:
    """Writes encoded images under their names, all padded to one length.

    The padding comes after the image's end, where every decoder stops. It is noise keyed by the name, so that two copies
    of one image have different bytes (and checksums), and compression on the way cannot take it out.

    Args:
        folder: is made.
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
