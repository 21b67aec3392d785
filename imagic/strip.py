"""The strip: an input and its edits along the strength, as one picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from tedbench.method import Sample
from tedbench.sheet import Cell, draw_sheet


def draw_strip(
    image: np.ndarray, samples: Sequence[Sample], text: str, *, label: Callable[[float], str], side: int = 192
) -> Image.Image:
    """Draw one row for each seed under the target text: the input, then every strength.

    Args:
        image: the input, (H, W, 3) uint8.
        samples: in any order; every seed has the same strengths.
        text: title, which contains the target text.
        label: formats a strength.
        side: of each image in pixels.
    """
    seeds = sorted({sample.seed for sample in samples})
    rows = [strip_row(image, [s for s in samples if s.seed == seed], label, named=len(seeds) > 1) for seed in seeds]
    return draw_sheet(rows, text, columns=1, side=side)


def strip_row(
    image: np.ndarray,
    samples: Sequence[Sample],
    label: Callable[[float], str],
    *,
    truth: np.ndarray | None = None,
    text: str = "",
    named: bool = False,
) -> Cell:
    """Lay out one seed's edits of an image in the order of their strengths.

    Args:
        image: the input, (H, W, 3) uint8.
        samples: of one seed, in any order.
        label: formats a strength.
        truth: the true edit if it is known, shown last.
        text: below the row.
        named: True if the captions have the seed too.
    """
    ordered = sorted(samples, key=lambda sample: sample.strength)
    captions = [f"{label(s.strength)}, seed {s.seed}" if named else label(s.strength) for s in ordered]
    pictures = [image, *(sample.image for sample in ordered)]
    if truth is not None:
        return Cell((*pictures, truth), text, captions=("input", *captions, "true edit"))
    return Cell(tuple(pictures), text, captions=("input", *captions))
