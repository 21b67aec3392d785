"""Measures the images of a run: what has its scores already is not measured again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
import pandas as pd

from eval.engine.memory import peak_memory
from eval.engine.progress import Reporter
from eval.metrics.base import Metric, Reference
from eval.runs.files import DamagedError
from eval.runs.folder import Run
from eval.runs.shard import KEY, Shard, listed
from eval.runs.writer import RunWriter
from imagic.models.device import exact_products
from tedbench.disk import writing
from tedbench.errors import PairError


def score_run(
    run: RunWriter, metrics: Sequence[Metric], reporter: Reporter, shards: Sequence[Shard] | None = None
) -> int:
    """Writes every metric's card, and its scores of every shard (or of those given) that lacks them.

    Returns:
        How many pairs could not be scored because an image of theirs cannot be read; each is reported with its reason.

    Raises:
        Stopped: the user asked to; what is scored is kept.
    """
    run.add_metrics(metric.card for metric in metrics)
    start, images, broken = time.monotonic(), 0, 0
    shards = run.shards() if shards is None else shards
    unscored: Counter[tuple[str, str]] = Counter()
    work = [(shard, missing) for shard in shards if (missing := lacking(shard, metrics))]
    if work:
        names = dict.fromkeys(metric.name for _, missing in work for metric in missing)
        reporter.say(f"scoring {len(work)} pairs with {', '.join(names)}")
    with reporter.stop, reporter.pairs(len(work), "scoring"):
        for shard, missing in work:
            try:
                for metric, scores in write_scores(shard, missing):
                    images += len(scores)
                    unscored[metric.name, scores["reason"].iloc[0]] += 1
            except (PairError, FileNotFoundError) as error:  # the latter where a run's command just replaces the shard
                broken += 1
                reporter.say(f"not scored: {shard.id}: {error}")
            reporter.advance()
    for (name, reason), count in unscored.items():
        if reason:
            reporter.say(f"{name} has nothing to say of {count} of {len(work)} pairs: {reason}")
    run.event("score", images=images, seconds=round(time.monotonic() - start, 2), broken=broken, **peak_memory())
    return broken


def lacking(shard: Shard, metrics: Sequence[Metric]) -> list[Metric]:
    """Return the metrics that have not measured all of a shard's images."""
    return [metric for metric in metrics if lacks_scores(shard, [metric.name])]


def lacks_scores(shard: Shard, metrics: Sequence[str]) -> bool:
    """Return True if any of the metrics with these names has not measured all of a shard's images."""
    try:
        return any(len(_unmeasured(shard, name)) for name in metrics)
    except DamagedError:  # reported when its images are examined
        return False


def write_scores(shard: Shard, metrics: Sequence[Metric]) -> Iterator[tuple[Metric, pd.DataFrame]]:
    """Keeps each metric's scores of a shard, and gives them as :func:`score_shard` does, with its errors."""
    for metric, scores in score_shard(shard, metrics):
        shard.add_scores(metric.name, scores)
        yield metric, scores


def _unmeasured(shard: Shard, metric: str) -> pd.DataFrame:
    """Return the rows of the images that the metric of this name has no scores of; a damaged table is an error."""
    samples = shard.samples()
    samples, scores = samples[samples["status"] == "ok"], shard.scores_of(metric)
    if scores is None:
        return samples
    have = set(zip(scores["strength"], scores["seed"], strict=True))
    return samples[[key not in have for key in zip(samples["strength"], samples["seed"], strict=True)]]


def score_shard(shard: Shard, metrics: Sequence[Metric]) -> Iterator[tuple[Metric, pd.DataFrame]]:
    """Each metric's raw scores of those of a shard's images that it has not measured yet.

    The columns are :data:`eval.runs.shard.SCORE_COLUMNS`.

    Raises:
        PairError: an image cannot be read or measured, or is not the one that was made.
    """
    info = shard.info()

    @cache
    def pictures(names: tuple[str, ...]) -> np.ndarray:
        return np.stack([shard.image(name) for name in names])

    work = [
        (metric, rows) for metric in metrics if len(rows := _unmeasured(shard, metric.name))
    ]  # others score here too
    for _, rows in work:
        pictures(tuple(rows["image"]))
    reference = Reference(shard.input(), info["target_text"], info["source_text"], shard.truth())
    if broken := shard.broken(thorough=True):
        raise DamagedError(f"{listed(broken)}. Repeat the run's eval.run to make it again, or restore it.")
    for metric, rows in work:
        images, reason = pictures(tuple(rows["image"])), metric.unscored(reference)
        with exact_products():
            scores = np.full(len(images), np.nan) if reason else metric.score(reference, images)
        yield metric, rows[["pair_id", *KEY]].assign(metric=metric.name, score=scores, reason=reason or "")


def forget_scores(run: Run, metrics: Sequence[Metric]) -> None:
    """Takes these metrics' scores away first, so that a redoing which was interrupted goes on without ``redo``."""
    for shard in run.shards():
        for metric in metrics:
            with writing(shard.folder):
                shard.score_file(metric.name).unlink(missing_ok=True)


def score_coverage(run: Run, metric: Metric) -> tuple[int, int]:
    """Of how many of a run's images there is a score, NaN not counted; images that failed are expected too."""
    scores = run.scores()
    return int(scores.loc[scores["metric"] == metric.name, "score"].notna().sum()), len(run.samples())
