"""Measuring a run's images: what is there already is not measured again."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import pandas as pd

from eval.metrics.base import Metric, Reference
from eval.progress import Reporter
from eval.store import Run, Shard


def score_run(run: Run, metrics: Sequence[Metric], reporter: Reporter) -> None:
    """Writes every metric's scores of every shard that lacks them."""
    start, images = time.monotonic(), 0
    work = [(shard, metric) for shard in run.shards() for metric in metrics if _lacks(shard, metric)]
    if work:
        reporter.say(f"scoring {len({shard.id for shard, _ in work})} pairs with {', '.join(m.name for m in metrics)}")
    with reporter.pairs(len(work), "scoring"):
        for shard, metric in work:
            scores = score_shard(shard, metric)
            shard.write_scores(metric.name, scores)
            images += len(scores)
            reporter.advance()
    run.event("score", images=images, seconds=round(time.monotonic() - start, 2))


def _lacks(shard: Shard, metric: Metric) -> bool:
    return not shard.score_file(metric.name).exists() and bool((shard.samples()["status"] == "ok").any())


def score_shard(shard: Shard, metric: Metric) -> pd.DataFrame:
    """One metric's raw scores of a shard's images, in the columns of :data:`eval.store.SCORE_COLUMNS`."""
    info, samples = shard.info(), shard.samples()
    samples = samples[samples["status"] == "ok"]
    images = np.stack([shard.image(name) for name in samples["image"]])
    reference = Reference(shard.input(), info["target_text"], info["source_text"], shard.truth())
    scores = metric.score(reference, images)
    return samples[["pair_id", "strength", "seed"]].assign(metric=metric.name, score=scores)
