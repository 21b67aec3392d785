"""The strip: an input and its edits along the strength, as one picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil

import numpy as np
from PIL import Image, ImageDraw

from tedbench.fonts import draw_text, length
from tedbench.method import Sample

INK, PAPER = (28, 32, 36), (255, 255, 255)


def draw_strip(
    image: np.ndarray,
    samples: Sequence[Sample],
    text: str,
    *,
    label: Callable[[float], str] = "η = {:g}".format,
    truth: np.ndarray | None = None,
    cell: int = 192,
) -> Image.Image:
    """One row for each seed: the input, then every strength, under the target text.

    Args:
        image: the input, (H, W, 3) uint8.
        samples: in any order; every seed has the same strengths.
        text: the target text.
        label: of a strength.
        truth: the true edit where it is known, shown last.
        cell: side of each picture in pixels; small pictures are enlarged without smoothing.
    """
    strengths, seeds = sorted({s.strength for s in samples}), sorted({s.seed for s in samples})
    gap, head, foot = cell // 24, cell // 5, cell // 7
    large, small = cell // 8, cell // 10
    width = gap + (len(strengths) + 1 + (truth is not None)) * (cell + gap)
    width = max(width, 2 * gap + ceil(length(text, large)))
    sheet = Image.new("RGB", (width, head + len(seeds) * (cell + foot) + gap), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw_text(draw, (gap, head / 2), text, large, INK, "lm")
    by_place = {(s.strength, s.seed): s.image for s in samples}
    for row, seed in enumerate(seeds):
        y = head + row * (cell + foot)
        labels = ["input", *map(label, strengths)]
        pictures = [image, *(by_place[s, seed] for s in strengths)]
        if truth is not None:
            labels, pictures = [*labels, "true edit"], [*pictures, truth]
        for column, (below, picture) in enumerate(zip(labels, pictures, strict=True)):
            x = gap + column * (cell + gap)
            filter = Image.Resampling.NEAREST if picture.shape[0] < cell else Image.Resampling.LANCZOS
            sheet.paste(Image.fromarray(picture).resize((cell, cell), filter), (x, y))
            shown = f"{below}, seed {seed}" if 0 < column <= len(strengths) and len(seeds) > 1 else below
            draw_text(draw, (x + cell / 2, y + cell + foot / 2), shown, small, INK, "mm")
    return sheet
