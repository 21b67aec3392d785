"""A judged run of three pairs."""

from __future__ import annotations

from itertools import product

import pandas as pd
import pytest

from eval.runs.writer import RunWriter
from tedbench.method import Sample
from tedbench.pair import EditPair, Entry
from tests.made_runs import made_config

SUCCESS = {"a": (0, 1, 1), "b": (0, 1, 1), "c": (1, 0, 0)}
"""Judged success of pairs by their image, at the strengths 0, 0.5 and 1, for both seeds."""
ENTRIES = [Entry(f"{name}.png", "A dog.", category="pose" if name == "a" else "setting") for name in SUCCESS]


@pytest.fixture
def judged_run(tmp_path, noise_image):
    metrics = ["lpips/alex/64", "judge/success/1"]
    run = RunWriter.create(tmp_path / "run", made_config(metrics=metrics))
    run.event("start", pairs=3, requests=[[0.0, 0]])
    for number, (entry, successes) in enumerate(zip(ENTRIES, SUCCESS.values(), strict=True)):
        known = dict(zip((0.0, 0.5, 1.0), successes, strict=True))
        samples = [Sample(strength, seed, noise_image(number)) for strength, seed in product(known, (0, 1))]
        run.write_shard(EditPair(entry, noise_image(number)), samples)
        for metric in metrics:
            rows = [(entry.id, s.strength, s.seed, metric, known[s.strength]) for s in samples]
            table = pd.DataFrame(rows, columns=["pair_id", "strength", "seed", "metric", "score"])
            run.shard(entry.id).write_scores(metric, table)
    return run.folder
