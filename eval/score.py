"""``python -m eval.score run=…``: measuring a run's images; what is there already is not measured again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import DictConfig, OmegaConf

from conf.command import command
from eval.files import DamagedError
from eval.memory import peak_memory
from eval.metrics.base import Metric, Reference
from eval.metrics.build import build_metrics
from eval.progress import Reporter
from eval.shard import KEY, Shard, listed
from eval.store import Run
from imagic.models.device import exact_products
from tedbench.disk import writing
from tedbench.errors import PairError, UserError

ABOUT = """Measures the images of a saved run: adds metrics or redoes them, without the model that made the images. What has its
scores already is not measured again, so that a repeated command goes on where it stopped. Then tables, curves and
report are made anew from all that the run has.

Exit status: 0, 1 where images of a pair cannot be read, 2 for an error."""

EXAMPLES = """
python -m eval.score run=runs/a                               # what its own metrics have not measured yet
python -m eval.score run=runs/a metrics=standard              # these besides
python -m eval.score run=runs/a metrics=standard metrics.lpips.size=256 '~metrics.clip_large'
python -m eval.score run=runs/a metrics=picturebook redo=true
"""


@command("score", ABOUT, EXAMPLES)
def main(cfg: DictConfig) -> int:
    """Returns 1 if any pair could not be scored."""
    if OmegaConf.is_missing(cfg, "run") or not str(cfg.run or "").strip():
        raise UserError("run is empty. Give a run's folder: python -m eval.score run=runs/NAME metrics=standard.")
    if not isinstance(cfg.redo, bool):
        raise UserError(f"redo is {cfg.redo!r}. It must be true or false.")

    from eval.saved import write_again
    from imagic.models.device import settle

    run, reporter = Run.open(Path(str(cfg.run))), Reporter()
    options: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    blocks = options.get("metrics") or run.config()["measure"] or {}
    if not blocks:
        raise UserError(f"{run.folder} names no metrics. Give some, such as metrics=standard.")
    device, _ = settle({**options["numerics"], "sample_batch": 1})  # nothing is sampled
    metrics = build_metrics(blocks, device)
    if cfg.redo:
        _forget(run, metrics)
    unreadable = score_run(run, metrics, reporter)
    write_again(run)
    for metric in metrics:
        n, expected = _coverage(run, metric)
        reporter.say(f"{metric.name}: {n} of {expected} images scored")
    print(run.folder, flush=True)
    return int(unreadable > 0)


def _forget(run: Run, metrics: Sequence[Metric]) -> None:
    """Takes these metrics' scores away first, so that a redoing which was interrupted goes on without ``redo``."""
    for shard in run.shards():
        for metric in metrics:
            with writing(shard.folder):
                shard.score_file(metric.name).unlink(missing_ok=True)


def _coverage(run: Run, metric: Metric) -> tuple[int, int]:
    """Of how many of a run's images there is a score, NaN not counted; images that failed are expected too."""
    scores = run.scores()
    return int(scores.loc[scores["metric"] == metric.name, "score"].notna().sum()), len(run.samples())


def score_run(run: Run, metrics: Sequence[Metric], reporter: Reporter, shards: Sequence[Shard] | None = None) -> int:
    """Writes every metric's scores of every shard (or of those given) that lacks them.

    Returns:
        How many pairs could not be scored because an image of theirs cannot be read; each is reported with its reason.

    Raises:
        Stopped: the user asked to; what is scored is kept.
    """
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
    """Those that have not measured a shard's images yet."""
    return [metric for metric in metrics if _lacks(shard, metric)]


def write_scores(shard: Shard, metrics: Sequence[Metric]) -> Iterator[tuple[Metric, pd.DataFrame]]:
    """Keeps each metric's scores of a shard, and gives them as :func:`score_shard` does, with its errors."""
    for metric, scores in score_shard(shard, metrics):
        shard.add_scores(metric.name, scores)
        yield metric, scores


def _lacks(shard: Shard, metric: Metric) -> bool:
    try:
        return bool(len(_unmeasured(shard, metric)))
    except DamagedError:  # said elsewhere
        return False


def _unmeasured(shard: Shard, metric: Metric) -> pd.DataFrame:
    """The rows of the images that a metric has no scores of; a damaged table is an error."""
    samples = shard.samples()
    samples, scores = samples[samples["status"] == "ok"], shard.scores_of(metric.name)
    if scores is None:
        return samples
    have = set(zip(scores["strength"], scores["seed"], strict=True))
    return samples[[key not in have for key in zip(samples["strength"], samples["seed"], strict=True)]]


def score_shard(shard: Shard, metrics: Sequence[Metric]) -> Iterator[tuple[Metric, pd.DataFrame]]:
    """Each metric's raw scores of those of a shard's images that it has not measured yet.

    The columns are :data:`eval.shard.SCORE_COLUMNS`.

    Raises:
        PairError: an image cannot be read or measured, or is not the one that was made.
    """
    info = shard.info()

    @cache
    def pictures(names: tuple[str, ...]) -> np.ndarray:
        return np.stack([shard.image(name) for name in names])

    work = [(metric, rows) for metric in metrics if len(rows := _unmeasured(shard, metric))]  # others score here too
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


if __name__ == "__main__":
    main()
