"""Differences between a run and its repetition: software and machine, configuration, inputs, images, scores."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from eval.runs.config_diff import Change, changes
from eval.runs.folder import Run
from eval.runs.shard import KEY
from tedbench.errors import PairError
from tedbench.method import format_strength

IMAGE_KEY = ["pair_id", *KEY]
PER_CALL = ("command",)
"""Keys of a provenance that do not affect results."""


class Repetition(NamedTuple):
    """Differences between a run and its repetition.

    Attributes:
        provenance: versions, code and machine that differ.
        config: settings that differ.
        inputs: pairs with another input image.
        images: those that both should have, with ``status`` ("same", "differs", "failed", "failed before",
            "unreadable") and, if they differ, the greatest and the mean difference in grey levels of 255 (``greatest``,
            ``mean``).
        scores: for each metric that both measured, the number of images (``n``), the number of scores that differ
            (``differ``) and the greatest difference (``greatest``).
        left_out: number of images of the run that were not made again, since they were not requested.
    """

    provenance: list[Change]
    config: list[Change]
    inputs: list[str]
    images: pd.DataFrame
    scores: pd.DataFrame
    left_out: int

    @property
    def same(self) -> bool:
        """True if every image and every score is the same, on the same inputs."""
        images = bool((self.images["status"] == "same").all()) and len(self.images) > 0
        return images and not self.inputs and not self.scores["differ"].any()

    def lines(self) -> Iterator[str]:
        """Yield the differences in lines for the terminal."""
        for what, found in (("made with", self.provenance), ("configuration", self.config)):
            yield from (f"{what}: {c.where} was {_short(c.before)}, is {_short(c.after)}" for c in found)
            if not found:
                yield f"{what}: the same"
        yield from (f"input: {pair} is another picture" for pair in self.inputs)
        yield self._of_images()
        for row in self.scores.to_dict("records"):
            differ = f"{row['differ']} differ, by up to {row['greatest']:.3g}" if row["differ"] else "all the same"
            yield f"scores: {row['metric']}: of {row['n']} {differ}"
        if self.left_out:
            yield f"{self.left_out} of the run's images were not made again"

    def _of_images(self) -> str:
        counts, total = Counter(self.images["status"]), len(self.images)
        parts = [f"{counts.pop('same', 0)} of {total} the same"]
        if count := counts.pop("differs", 0):
            worst = self.images.loc[self.images["greatest"].idxmax()]
            mean = self.images["mean"].mean()
            parts.append(
                f"{count} differ, by {mean:.2g} of 255 on average and up to {worst['greatest']:.0f} "
                f"({worst['pair_id']}, strength {format_strength(worst['strength'])}, seed {worst['seed']})"
            )
        parts += [f"{count} {status}" for status, count in sorted(counts.items())]
        return f"images: {'; '.join(parts)}"

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        named = {"provenance": self.provenance, "config": self.config}
        tables = {"images": self.images[self.images["status"] != "same"], "scores": self.scores}
        return {
            "same": self.same,
            **{key: [change._asdict() for change in changes] for key, changes in named.items()},
            "inputs": self.inputs,
            "images_compared": len(self.images),
            "images_left_out": self.left_out,
            **{key: json.loads(table.to_json(orient="records")) for key, table in tables.items()},
        }


def compare_repetition(run: Run, again: Run) -> Repetition:
    """Compare a run with its repetition. Images are compared by their pixels."""
    before, after = (each.samples().astype(_KINDS) for each in (run, again))
    both = before.merge(after, on=IMAGE_KEY, suffixes=("", "_again"))
    images = pd.DataFrame([_compare_image(run, again, row) for row in both.to_dict("records")], columns=_IMAGE)
    blocks = ("fit", "numerics", "sweep", "measure")
    config, config_again = ({block: each.config().get(block) for block in blocks} for each in (run, again))
    return Repetition(
        changes(_provenance(run), _provenance(again)),
        changes(config, config_again),
        _other_inputs(run, again),
        images,
        _compare_scores(*(each.scores().astype(_KINDS) for each in (run, again))),
        len(before) - len(both),
    )


_KINDS = {"strength": float, "seed": int}  # also of an empty table
_IMAGE = [*IMAGE_KEY, "status", "greatest", "mean"]


def _compare_image(run: Run, again: Run, row: dict[str, Any]) -> list[Any]:
    key = [row[name] for name in IMAGE_KEY]
    if row["status"] != "ok" or row["status_again"] != "ok":
        alike = row["status"] == row["status_again"] and row["reason"] == row["reason_again"]
        status = "same" if alike else "failed" if row["status_again"] != "ok" else "failed before"
        return [*key, status, np.nan, np.nan]
    try:
        old, new = (each.shard(row["pair_id"]).image(row["image"]).astype(np.int16) for each in (run, again))
    except PairError:
        return [*key, "unreadable", np.nan, np.nan]
    if old.shape != new.shape:
        return [*key, "differs", 255.0, np.nan]
    difference = np.abs(old - new)
    if not difference.any():
        return [*key, "same", np.nan, np.nan]
    return [*key, "differs", float(difference.max()), float(difference.mean())]


def _compare_scores(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    both = before.merge(after, on=["metric", *IMAGE_KEY], suffixes=("", "_again"))
    both["by"] = (both["score"] - both["score_again"]).abs()
    nothing = both["score"].isna() & both["score_again"].isna()
    both["other"] = (both["score"] != both["score_again"]) & ~nothing
    rows = [
        {"metric": metric, "n": len(group), "differ": int(group["other"].sum()), "greatest": float(group["by"].max())}
        for metric, group in both.groupby("metric")
    ]
    return pd.DataFrame(rows, columns=["metric", "n", "differ", "greatest"])


def _other_inputs(run: Run, again: Run) -> list[str]:
    known = {shard.id: shard.info().get("input") for shard in run.shards()}
    found = {shard.id: shard.info().get("input") for shard in again.shards()}
    return [pair for pair, digest in found.items() if known.get(pair, digest) != digest]


def _provenance(run: Run) -> dict[str, Any]:
    try:
        known = json.loads((run.folder / "provenance.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    for each in known.get("weights", {}).values():
        each.pop("folder", None)
    return {key: value for key, value in known.items() if key not in PER_CALL}


def _short(value: Any) -> str:
    text = "absent" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
