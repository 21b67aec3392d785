"""The content of results.json: a run's results and its provenance, without paths of the machine."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from eval.analysis.curves import CURVE_COLUMNS, curve_table
from eval.analysis.selection import chosen
from eval.runs.folder import Run

FOLDERS = re.compile(r"(?<![\w.:/])~?/(?:[^\s/'\"]+/)+")
"""The folders of an absolute path, which are removed."""


def results(run: Run) -> dict[str, Any]:
    """Return all results of a run as plain JSON values; numbers that are not finite are null."""
    config, samples, expected = run.config(), run.samples(), run.expected_pairs
    failed = samples[samples["status"] != "ok"].groupby("pair_id")["reason"].first()
    curves = curve_table(run)
    choice = chosen(run)
    return _plain(
        {
            "run": run.key,
            "dataset": run.dataset_label,
            **run.labels,
            "coverage": {
                "pairs": int(samples["pair_id"].nunique()) - len(failed),
                "pairs_expected": expected,
                "images": int((samples["status"] == "ok").sum()),
                "failed": failed.to_dict(),
            },
            "curves": curves[list(CURVE_COLUMNS)].to_dict("records"),
            "interval": "95%, clustered by source image; of shares Wilson's",
            "chosen": None if choice is None else {"rule": choice.rule, "pairs": choice.coverage},
            "config": {block: config.get(block) for block in ("fit", "numerics", "sweep")},
            "provenance": _provenance(run),
        }
    )


def _provenance(run: Run) -> dict[str, Any] | None:
    """Return the run's provenance without its command line, which may name folders."""
    try:
        made_with = json.loads((run.folder / "provenance.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return {key: value for key, value in made_with.items() if key != "command"}


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return FOLDERS.sub("", value)
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
