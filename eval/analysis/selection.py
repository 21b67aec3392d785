"""The choice of one image for each pair, as the paper chooses strength and seed per image; kept in the run's folder."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from eval.runs.folder import Run
from eval.runs.listing import listed
from eval.runs.writer import RunWriter
from tedbench.axis import rounded_strength
from tedbench.errors import UserError

CHOICE_COLUMNS = ("pair_id", "strength", "seed", "image")
TABLE, RECORD = "chosen.csv", "chosen.json"


@dataclass(frozen=True, eq=False)
class Choice:
    """One image a pair, and the rule that chose it.

    Attributes:
        rule: in words, to be shown with the images.
        images: :data:`CHOICE_COLUMNS`, one row for each pair that has a chosen image, sorted by pair. ``image`` is its
            file, relative to the run's folder.
        left_out: the other pairs of the run, and why.
        notes: remarks on single chosen images, by pair id.
        parameters: the rule's options, plain JSON values.
    """

    rule: str
    images: pd.DataFrame
    left_out: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def coverage(self) -> str:
        """Number of the run's pairs with a chosen image, such as "33 of 36"."""
        return f"{len(self.images)} of {len(self.images) + len(self.left_out)}"


def chosen(run: Run) -> Choice | None:
    """Return the last choice made in a run with ``python -m eval.select``, or None.

    Raises:
        UserError: chosen.csv was changed by hand, or names images that the run does not have.
    """
    table, record = run.folder / TABLE, run.folder / RECORD
    if not table.exists() and not record.exists():
        return None
    again = f"Choose again: python -m eval.select run={run.folder}."
    try:
        text, facts = table.read_bytes(), json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UserError(f"{run.folder} lacks a whole {TABLE} and {RECORD}. {again}") from None
    if hashlib.sha256(text).hexdigest() != facts["table_sha256"]:
        raise UserError(f"{table} is not the table that {RECORD} tells the rule of. {again}")
    rows = pd.read_csv(
        io.BytesIO(text),
        dtype={"pair_id": str, "image": str, "note": str, "seed": "Int64"},
        keep_default_na=False,
        na_values={"strength": [""], "seed": [""]},
        float_precision="round_trip",
    )
    if (known := listed(run.folder)) is not None:
        rows = rows[rows["pair_id"].isin(known)]
    images = rows[rows["image"] != ""].astype({"strength": float, "seed": int}).reset_index(drop=True)
    images["strength"] = images["strength"].map(rounded_strength)
    missing = [image for image in images["image"] if not (run.folder / Path(image)).is_file()]
    if missing:
        raise UserError(f"{table} names images that the run does not have, such as {missing[0]}. {again}")
    digests = facts["images_sha256"]
    replaced = [image for image in images["image"] if digests.get(image) != _digest(run, image)]
    if replaced:
        raise UserError(f"{table} was chosen among other images: {replaced[0]} was made again since. {again}")
    notes = dict(zip(rows["pair_id"], rows["note"], strict=True))
    kept = set(images["pair_id"])
    return Choice(
        facts["rule"],
        images[list(CHOICE_COLUMNS)],
        {pair: note for pair, note in notes.items() if pair not in kept},
        {pair: note for pair, note in notes.items() if pair in kept and note},
        facts["parameters"],
    )


def keep(run: RunWriter, choice: Choice) -> None:
    """Write a choice into the run's folder: chosen.csv (a row for every pair) and chosen.json (the rule)."""
    images = choice.images[list(CHOICE_COLUMNS)]
    rows = images.astype(str).assign(note=[choice.notes.get(pair, "") for pair in images["pair_id"]])
    left_out = pd.DataFrame({"pair_id": list(choice.left_out), "note": list(choice.left_out.values())}, dtype=str)
    text = pd.concat([rows, left_out]).fillna("").sort_values("pair_id").to_csv(index=False, lineterminator="\n")
    run.write_text(TABLE, text)
    run.write_json(
        RECORD,
        {
            "rule": choice.rule,
            "parameters": choice.parameters,
            "chosen": len(choice.images),
            "pairs": len(choice.images) + len(choice.left_out),
            "left_out": choice.left_out,
            "images_sha256": {image: _digest(run, image) for image in images["image"]},
            "table_sha256": hashlib.sha256(text.encode()).hexdigest(),
        },
    )
    run.event("select", rule=choice.rule, chosen=len(choice.images))


def _digest(run: Run, image: str) -> str:
    """Return the digest of an image from the run's record."""
    path = Path(image)
    return str(run.shard(path.parent.name).info()["files"][path.name][1])
