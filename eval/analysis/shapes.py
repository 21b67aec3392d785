"""Notes on edits made elsewhere with another shape than their inputs."""

from __future__ import annotations

import pandas as pd

from tedbench.geometry import GEOMETRIES, Size

WAYS = {
    "crop": "made from its centre square, and cut to their own",
    "squash": "the whole input squashed, and are stretched to its shape before they are cut",
    "pad": "the whole input between bars, which are cut off",
}
"""The assumption of each geometry about them, in words."""


def shape_notes(samples: pd.DataFrame) -> list[str]:
    """Return a line for each geometry: the number of such edits, the first of them and the assumption made.

    Args:
        samples: rows of a run.
    """
    read = samples[(samples["edit_size"] != "") & (samples["input_size"] != "")]
    other = [row for row in read.itertuples() if not _size(row.edit_size).same_aspect(_size(row.input_size))]
    return [
        f"{len(own)} of {len(read)} edited images have another shape than their input, such as {own[0].edit_size} of "
        f"{own[0].input_size} ({own[0].pair_id}). They are taken as {WAYS[geometry]} (method.geometry={geometry})."
        for geometry in GEOMETRIES
        if (own := [row for row in other if row.geometry == geometry])
    ]


def _size(text: str) -> Size:
    width, _, height = text.partition("×")
    return Size(int(width), int(height))
