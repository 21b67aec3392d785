"""Scoring of a run's images; images that have a metric's scores already are not measured again."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
import pandas as pd

from eval.engine.memory import peak_memory
from eval.engine.progress import Reporter
from eval.metrics.base import Metric, Reference
from eval.metrics.measure import measure
from eval.runs.files import DamagedError
from eval.runs.folder import Run
from eval.runs.shard import KEY, Shard, damage_text
from eval.runs.writer import RunWriter
from imagic.models.device import exact_products
from tedbench.disk import writing
from tedbench.errors import PairError


def score_run(
    run: RunWriter, metrics: Sequence[Metric], reporter: Reporter, shards: Sequence[Shard] | None = None
) -> int:
    """Write every metric's card, and the scores that shards lack.

    Args:
        run: the run.
        metrics: the metrics to measure.
        reporter: shows progress and messages.
        shards: the shards to score; None for all.

    Returns:
        The number of pairs that could not be scored, such as for an unreadable image; each is reported with its reason.

    Raises:
        Stopped: the user interrupted the command; finished scores are kept.
        MetricError: see :func:`eval.metrics.measure.measure`; finished scores are kept.
    """
    run.add_metrics(metric.card for metric in metrics)
    start, images, broken = time.monotonic(), 0, 0
    shards = run.shards() if shards is None else shards
    unscored: Counter[tuple[str, str]] = Counter()
    work = [(shard, missing) for shard in shards if (missing := lacking(shard, metrics))]
    if work:
        measured = dict.fromkeys(metric.name for _, missing in work for metric in missing)
        reporter.say(f"scoring {len(work)} pairs with {', '.join(measured)}")
    with reporter.stop, reporter.pairs(len(work), "scoring"):
        for shard, missing in work:
            try:
                for metric, scores in write_scores(shard, missing):
                    images += len(scores)
                    unscored[metric.name, scores["reason"].iloc[0]] += 1
            except (PairError, FileNotFoundError) as error:  # FileNotFoundError: another command is replacing the shard
                broken += 1
                reporter.say(f"not scored: {shard.id}: {error}")
            reporter.advance()
    alike: dict[tuple[str, int], list[str]] = defaultdict(list)
    for (name, reason), count in unscored.items():
        if reason:
            alike[reason, count].append(name)
    for (reason, count), names in alike.items():
        reporter.say(f"no score of {', '.join(names)} for {count} of {len(work)} pairs: {reason}")
    run.event("score", images=images, seconds=round(time.monotonic() - start, 2), broken=broken, **peak_memory())
    return broken


def lacking(shard: Shard, metrics: Sequence[Metric]) -> list[Metric]:
    """Return the metrics that have not measured all of a shard's images."""
    return [metric for metric in metrics if lacks_scores(shard, [metric.name])]


def lacks_scores(shard: Shard, metrics: Sequence[str]) -> bool:
    """Return True if any of the metrics with these names has not measured all of a shard's images."""
    try:
        return any(len(_unmeasured(shard, name)) for name in metrics)
    except DamagedError:  # reported by eval.engine.plan.examine
        return False


def write_scores(shard: Shard, metrics: Sequence[Metric]) -> Iterator[tuple[Metric, pd.DataFrame]]:
    """Write and yield the scores of :func:`score_shard`, metric by metric.

    Raises:
        PairError, MetricError: see :func:`score_shard`.
    """
    for metric, scores in score_shard(shard, metrics):
        shard.add_scores(metric.name, scores)
        yield metric, scores


def _unmeasured(shard: Shard, metric: str) -> pd.DataFrame:
    """Return the rows of the images without scores of the metric of this name.

    Raises:
        DamagedError: the shard's table of images is damaged.
    """
    samples = shard.samples()
    samples, scores = samples[samples["status"] == "ok"], shard.scores_of(metric)
    if scores is None:
        return samples
    have = set(zip(scores["strength"], scores["seed"], strict=True))
    return samples[[key not in have for key in zip(samples["strength"], samples["seed"], strict=True)]]


def score_shard(shard: Shard, metrics: Sequence[Metric]) -> Iterator[tuple[Metric, pd.DataFrame]]:
    """Yield each metric with its raw scores of a shard's images that it has not measured yet.

    The columns are :data:`eval.runs.shard.SCORE_COLUMNS`. Nothing is written.

    Raises:
        PairError: an image cannot be read or measured, or a file of the shard has been changed.
        MetricError: see :func:`eval.metrics.measure.measure`.
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
        raise DamagedError(f"{damage_text(broken)}. Repeat the run's eval.run to make it again, or restore it.")
    for metric, rows in work:
        with exact_products():
            scores, reason = measure(metric, reference, pictures(tuple(rows["image"])), shard.id)
        yield metric, rows[["pair_id", *KEY]].assign(metric=metric.name, score=scores, reason=reason)


def forget_scores(run: Run, metrics: Sequence[Metric]) -> None:
    """Delete these metrics' scores. (If scoring them again is interrupted, the next command needs no ``redo``.)"""
    for shard in run.shards():
        for metric in metrics:
            with writing(shard.folder):
                shard.score_file(metric.name).unlink(missing_ok=True)


def score_coverage(run: Run, metric: Metric) -> tuple[int, int]:
    """Return the number of a run's images with a score that is not NaN, and the number of all, failed ones included."""
    scores = run.scores()
    return int(scores.loc[scores["metric"] == metric.name, "score"].notna().sum()), len(run.samples())
