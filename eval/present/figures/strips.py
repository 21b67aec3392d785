"""The page strips.png: the first pairs of a run along the strength, as one image."""

from __future__ import annotations

from contextlib import suppress

from eval.runs.folder import Run, Shard
from imagic.strip import strip_row
from tedbench.datasets.base import Dataset
from tedbench.disk import writing
from tedbench.errors import ImageError
from tedbench.method import Axis, Sample
from tedbench.sheet import Cell, draw_sheet

ROWS, SIDE = 7, 96
"""Pairs on the page; side of an image in pixels."""


def draw_strips(run: Run, dataset: Dataset, axis: Axis) -> None:
    """Write strips.png: up to seven pairs with their first seed, the input on the left, the true edit (if known) last."""
    shards = [run.shard(entry.id) for entry in dataset.entries]
    rows = []
    for shard in [shard for shard in shards if shard.exists() and (shard.folder / "input.png").exists()][:ROWS]:
        with suppress(ImageError):  # scoring has reported it
            rows.append(_row(shard, axis))
    if not rows:
        return
    about = f"{len(rows)} pairs, the first seed of each" if len(rows) > 1 else "the first seed"
    sheet = draw_sheet(rows, run.title, about, columns=1, side=SIDE)
    with writing(run.folder / "strips.png"):
        sheet.save(run.folder / "strips.png")


def _row(shard: Shard, axis: Axis) -> Cell:
    table = shard.samples()
    table = table[table["status"] == "ok"]
    table = table[table["seed"] == table["seed"].min()]
    samples = [Sample(row.strength, row.seed, shard.image(row.image)) for row in table.itertuples()]
    return strip_row(shard.input(), samples, axis.label, truth=shard.truth(), text=shard.info()["target_text"])
