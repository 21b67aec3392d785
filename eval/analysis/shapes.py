"""Notes on edits of another size or shape than their inputs, and on edits that moved the whole picture."""

from __future__ import annotations

import pandas as pd

from eval.runs.cards import MetricCards
from tedbench.geometry import GEOMETRIES, Size

WAYS = {
    "crop": "made from its centre square, and cut to their own",
    "squash": "the whole input squashed, and are stretched to its shape before they are cut",
    "pad": "the whole input between bars, which are cut off",
}
"""The assumption of each geometry about them, in words."""


BROUGHT = {"resized": "resized to the pairs' square", "cut": "cut to their centre square and resized"}
"""The ways of :class:`tedbench.geometry.Returned`, in words."""


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


def size_notes(samples: pd.DataFrame) -> list[str]:
    """Return a line for each way in which images of another size than asked for were brought back.

    Args:
        samples: rows of a run.
    """
    returned = samples[
        (samples["status"] == "ok") & (samples["edit_size"] != "") & ~samples["geometry"].isin(GEOMETRIES)
    ]
    lines = []
    for brought, words in BROUGHT.items():
        own = returned[returned["geometry"] == brought]
        if len(own):
            common = own["edit_size"].value_counts()
            sizes = ", ".join(f"{size} ({count})" for size, count in common.head(3).items())
            more = f" and {len(common) - 3} other sizes" if len(common) > 3 else ""
            lines.append(f"{len(own)} of {len(returned)} images came back as {sizes}{more} and were {words}.")
    return lines


def movement_notes(scores: pd.DataFrame, metrics: MetricCards) -> list[str]:
    """Return a line on the images that are moved as a whole, with the metrics that count that as a change.

    Args:
        scores: of a run.
        metrics: the cards of the scores.
    """
    moved = [card for card in metrics.of_kind("geometry") if card.share]
    pixelwise = [metrics.heading(card.name) for card in metrics if card.pixelwise]
    if not moved or not pixelwise:
        return []
    found = scores[scores["metric"] == moved[0].name]["score"]
    count, known = int(found.sum()), int(found.notna().sum())
    if not count:
        return []
    return [
        f"{count} of the {known} images that can be laid on their input ({len(found)} in all) are zoomed or shifted as a whole by more "
        f"than 1%. {' and '.join([', '.join(pixelwise[:-1]), pixelwise[-1]] if pixelwise[1:] else pixelwise)} "
        f"{'compare' if pixelwise[1:] else 'compares'} place by place and {'count' if pixelwise[1:] else 'counts'} that as a change."
    ]


def _size(text: str) -> Size:
    width, _, height = text.partition("×")
    return Size(int(width), int(height))
