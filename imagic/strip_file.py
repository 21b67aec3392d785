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
    """``dog.png_a_sitting_dog-1f2e3d4c-imagic.png`` beside the user."""
    return Path(f"{pair_id(image.name, text)}-imagic.png")


def strip_of(image: np.ndarray, text: str) -> str:
    """What is written into a strip's file: one and the same for a picture, (H, W, 3) uint8, and a target text."""
    digest = hashlib.sha256(str(image.shape).encode() + image.tobytes() + b"\0" + text.encode())
    return digest.hexdigest()


def require_own(out: Path, whose: str) -> None:
    """Refuses a file that is there and is not the strip of the same picture and text.

    Raises:
        UserError: says so.
    """
    if out.exists() and _written(out) != whose:
        raise UserError(
            f"{out} is there already, and is not this picture's strip for this text. Give another out, or delete it."
        )


def _written(out: Path) -> str | None:
    try:
        with Image.open(out) as image:
            return getattr(image, "text", {}).get(KEY)
    except Exception:  # whatever it is, it is no strip
        return None


def save_strip(strip: Image.Image, out: Path, whose: str) -> None:
    """Writes a strip as a PNG that says whose it is.

    Raises:
        UserError: the file cannot be written, or was made by somebody else meanwhile.
    """
    require_own(out, whose)
    about = PngInfo()
    about.add_text(KEY, whose)
    try:
        strip.save(out, format="PNG", pnginfo=about)
    except OSError as error:
        raise UserError(f"{out} cannot be written ({error.strerror}). Give another out.") from None
