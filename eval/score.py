"""Measuring a run's images: what is there already is not measured again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from eval.metrics.base import Metric, Reference
from eval.progress import Reporter
from eval.store import Run, Shard
from tedbench.errors import PairError


def score_run(run: Run, metrics: Sequence[Metric], reporter: Reporter) -> int:
    """Writes every metric's scores of every shard that lacks them.

    Returns:
        How many pairs could not be scored because an image of theirs cannot be read; each is reported with its reason.
    """
    start, images, broken = time.monotonic(), 0, 0
    unscored: Counter[tuple[str, str]] = Counter()
    work = [(shard, lacking) for shard in run.shards() if (lacking := [m for m in metrics if _lacks(shard, m)])]
    if work:
        names = dict.fromkeys(metric.name for _, lacking in work for metric in lacking)
        reporter.say(f"scoring {len(work)} pairs with {', '.join(names)}")
    with reporter.pairs(len(work), "scoring"):
        for shard, lacking in work:
            try:
                for metric, scores in score_shard(shard, lacking):
                    shard.write_scores(metric.name, scores)
                    images += len(scores)
                    unscored[metric.name, scores["reason"].iloc[0]] += 1
            except PairError as error:
                broken += 1
                reporter.say(f"not scored: {shard.id}: {error}")
            reporter.advance()
    for (name, reason), count in unscored.items():
        if reason:
            reporter.say(f"{name} has nothing to say of {count} of {len(work)} pairs: {reason}")
    run.event("score", images=images, seconds=round(time.monotonic() - start, 2), broken=broken)
    return broken


def _lacks(shard: Shard, metric: Metric) -> bool:
    return not shard.score_file(metric.name).exists() and bool((shard.samples()["status"] == "ok").any())


def score_shard(shard: Shard, metrics: Sequence[Metric]) -> Iterator[tuple[Metric, pd.DataFrame]]:
    """Each metric's raw scores of a shard's images, in the columns of :data:`eval.store.SCORE_COLUMNS`.

    Raises:
        PairError: an image cannot be read or measured.
    """
    info, samples = shard.info(), shard.samples()
    samples = samples[samples["status"] == "ok"]
    images = np.stack([shard.image(name) for name in samples["image"]])
    reference = Reference(shard.input(), info["target_text"], info["source_text"], shard.truth())
    for metric in metrics:
        reason = metric.unscored(reference)
        scores = np.full(len(images), np.nan) if reason else metric.score(reference, images)
        yield (
            metric,
            samples[["pair_id", "strength", "seed"]].assign(metric=metric.name, score=scores, reason=reason or ""),
        )
