"""Blank files in place of figures, for tests to which figures are by-products."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

SAVEFIG = Figure.savefig


def write_blank(_: Figure, path: Path, **settings: object) -> None:
    """Write a PNG of one white pixel, or a PDF without pages."""
    if Path(path).suffix == ".png":
        Image.new("RGB", (1, 1), "white").save(path)
    else:
        Path(path).write_bytes(b"%PDF-1.4\n%%EOF\n")
