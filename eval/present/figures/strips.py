"""strips.png: the first pairs of a run along the strength, as one picture to look at or to send."""

from __future__ import annotations

from contextlib import suppress

from PIL import Image

from eval.runs.folder import Run, Shard
from imagic.strip import PAPER, draw_strip
from tedbench.datasets.base import Dataset
from tedbench.disk import writing
from tedbench.errors import ImageError
from tedbench.method import Axis, Sample
from tedbench.pair import Entry

ROWS = 6


def draw_strips(run: Run, dataset: Dataset, axis: Axis) -> None:
    """Writes strips.png: up to six pairs with their first seed, the input on the left, the true edit (if known) last."""
    shown = [entry for entry in dataset.entries if _has_images(run.shard(entry.id))][:ROWS]
    strips = []
    for entry in shown:
        with suppress(ImageError):  # scoring has said so
            strips.append(_strip(run.shard(entry.id), entry, axis, dataset))
    if not strips:
        return
    sheet = Image.new("RGB", (max(s.width for s in strips), sum(s.height for s in strips)), PAPER)
    top = 0
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height
    with writing(run.folder / "strips.png"):
        sheet.save(run.folder / "strips.png")


def _has_images(shard: Shard) -> bool:
    return shard.exists() and (shard.folder / "input.png").exists()


def _strip(shard: Shard, entry: Entry, axis: Axis, dataset: Dataset) -> Image.Image:
    table = shard.samples()
    table = table[table["status"] == "ok"]
    table = table[table["seed"] == table["seed"].min()]
    samples = [Sample(row.strength, row.seed, shard.image(row.image)) for row in table.itertuples()]
    text = f"{entry.target_text}  –  {dataset.label}" if dataset.synthetic else entry.target_text
    return draw_strip(shard.input(), samples, text, label=axis.label, truth=shard.truth(), cell=96)
