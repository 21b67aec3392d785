"""The strip's file: named after its picture and text, and never written over that of another."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tedbench.errors import UserError
from tedbench.pair import pair_id

KEY = "imagic-bench strip"
"""The PNG's text that says whose strip it is."""


def default_file(image: Path, text: str) -> Path:
    """Return the default file, such as ``dog.png_a_sitting_dog-1f2e3d4c-imagic.png``, in the current folder."""
    return Path(f"{pair_id(image.name, text)}-imagic.png")


def strip_of(image: np.ndarray, text: str) -> str:
    """Return the mark in a strip's file: a digest of the input, (H, W, 3) uint8, and the target text."""
    digest = hashlib.sha256(str(image.shape).encode() + image.tobytes() + b"\0" + text.encode())
    return digest.hexdigest()


def require_own(out: Path, whose: str) -> None:
    """Refuse an existing file unless it is the strip of the same image and text.

    Raises:
        UserError: the file is another one.
    """
    if out.exists() and _written(out) != whose:
        raise UserError(
            f"{out} is there already, and is not this picture's strip for this text. Give another out, or delete it."
        )


def _written(out: Path) -> str | None:
    try:
        with Image.open(out) as image:
            return getattr(image, "text", {}).get(KEY)
    except Exception:  # not a strip, whatever the error
        return None


def save_strip(strip: Image.Image, out: Path, whose: str) -> None:
    """Write a strip as a PNG with its mark.

    Raises:
        UserError: the file cannot be written, or another command has written it meanwhile.
    """
    require_own(out, whose)
    about = PngInfo()
    about.add_text(KEY, whose)
    try:
        strip.save(out, format="PNG", pnginfo=about)
    except OSError as error:
        raise UserError(f"{out} cannot be written ({error.strerror}). Give another out.") from None
