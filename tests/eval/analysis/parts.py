"""Methods and comparisons written down by hand, without a run's folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd

from eval.analysis.methods import Method, Picked
from eval.runs.cards import Cards
from tedbench.method import Axis
from tests.made_runs import made_config

SCORE_COLUMNS = ["pair_id", "strength", "seed", "metric", "score"]


def samples_of(rows: Sequence[tuple[str, str, float, str]]) -> pd.DataFrame:
    """A run's samples, of (pair id, source image, strength, reason of its failure or "")."""
    return pd.DataFrame(
        [
            {
                "pair_id": pair_id,
                "source_group": group,
                "category": "pose",
                "target_text": f"A {pair_id}.",
                "strength": strength,
                "seed": 0,
                "image": f"{strength}.png",
                "status": "failed" if reason else "ok",
                "reason": reason or None,
                "edit_size": "",
                "input_size": "",
                "geometry": "",
            }
            for pair_id, group, strength, reason in rows
        ]
    )


def method_of(
    name: str,
    samples: pd.DataFrame,
    strength: float,
    scores: Sequence[tuple[str, float, int, str, float]] = (),
    events: Sequence[Mapping[str, Any]] = (),
    inputs: Mapping[str, str] | None = None,
    dataset: str = "folder",
    size: int = 16,
) -> Method:
    """A method for which one strength stands.

    Args:
        name: of it.
        samples: of :func:`samples_of`.
        strength: whose images stand for it.
        scores: pair id, strength, seed, metric and score.
        events: of its run.
        inputs: digests of the input images, by pair id.
        dataset, size: that the run is on, and the side of its pairs.
    """
    shards = [SimpleNamespace(id=i, info=lambda d=d: {"input": d}) for i, d in (inputs or {}).items()]
    metrics = {metric for _, _, _, metric, _ in scores}
    config = made_config(name, metrics=metrics, fit={"dataset": dataset, "size": size})
    cards = Cards.from_config(config["cards"])
    run: Any = SimpleNamespace(
        folder=Path("runs") / name,
        labels={"method": name, "model": "tiny", "axis": "eta"},
        cards=cards,
        metrics=cards.metrics,
        dataset_label=cards.dataset.label,
        events=lambda: list(events),
        scores=lambda: pd.DataFrame(list(scores), columns=SCORE_COLUMNS),
        shards=lambda: shards,
    )
    there = samples[(samples["status"] == "ok") & (samples["strength"] == strength)]
    picked = Picked(f"η = {strength}", there[["pair_id", "strength", "seed", "image"]])
    return Method(name, run, Axis("eta", "η", tuple(sorted(set(samples["strength"])))), config, samples, picked)
