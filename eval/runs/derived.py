"""Check whether the files that are derived from a run's shards are up to date."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from eval.runs.files import file_digest
from eval.runs.folder import Run

DERIVED = ("samples.parquet", "scores.parquet", "curves.csv", "curves.png", "curves.pdf", "strips.png", "report.html")
"""The derived files of a finished run."""

RECORD = "outputs.json"
"""File with the digests of the shards and of the derived files."""


def are_current(run: Run) -> bool:
    """Return True if the derived files are unchanged, and were made from the present shards."""
    try:
        return bool(json.loads((run.folder / RECORD).read_text(encoding="utf-8")) == record_of(run))
    except (OSError, ValueError):
        return False


def record_of(run: Run) -> dict[str, Any]:
    """Return the content of :data:`RECORD` for the files as they are now."""
    shards = hashlib.sha256("".join(shard.digest() for shard in run.shards()).encode()).hexdigest()
    there = [name for name in DERIVED if (run.folder / name).exists()]
    return {"shards": shards, "files": {name: file_digest(run.folder / name) for name in there}}
