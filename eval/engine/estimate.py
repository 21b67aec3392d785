"""What a run will take, from a few steps of one of its pairs."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from omegaconf import DictConfig
from PIL import Image

from cli.command import resolved
from eval.engine.groups import groups
from eval.engine.memory import peak_memory
from eval.metrics.base import Metric, Reference
from eval.metrics.build import build_metrics
from eval.runs.config import check_names
from imagic.recipe import Keep
from tedbench.datasets.build import build_dataset
from tedbench.method import Description, Editor
from tedbench.pair import EditPair
from tedbench.settings import checked

if TYPE_CHECKING:
    from eval.engine.progress import Reporter
    from imagic.fits import FitStore

FEW, MORE = 3, 6
"""Steps that are measured of each stage: what every stage has, and how many more to see what one step takes."""

TABLES = 50_000
"""Bytes of a pair's tables and of its part of the report, about."""


class Cost(NamedTuple):
    """What one pair takes.

    Attributes:
        fit_s: seconds of fitting it.
        sample_s: of all its images.
        score_s: of measuring them.
        bytes: that it leaves in the run's folder.
        fit_bytes: that a kept fit takes besides.
    """

    fit_s: float
    sample_s: float
    score_s: float
    bytes: int
    fit_bytes: int

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.fit_s + self.sample_s + self.score_s


class Estimate(NamedTuple):
    """What a run takes.

    Attributes:
        pairs: how many.
        images: for each pair.
        load_s: seconds until the first pair begins.
        pair: what one takes.
        peak: GiB in use at most, as :func:`eval.engine.memory.peak_memory` has it.
        device: on which it was measured.
        threads: of the processor, likewise.
    """

    pairs: int
    images: int
    load_s: float
    pair: Cost
    peak: dict[str, float]
    device: str
    threads: int

    def seconds(self, workers: int = 1) -> float:
        """Wall-clock time of so many workers, each with a processor of its own."""
        return self.load_s + math.ceil(self.pairs / workers) * self.pair.seconds

    @property
    def bytes(self) -> int:
        """On the disk."""
        return self.pairs * (self.pair.bytes + self.pair.fit_bytes)


def estimate(cfg: DictConfig, reporter: Reporter) -> Estimate:
    """Measures a few steps of a pair of a run and reckons the whole. Writes nothing that stays.

    Args:
        cfg: as ``eval.run`` takes it.
        reporter: is told what goes on.

    Raises:
        UserError: what ``eval.run`` would refuse, too.
    """
    from imagic.api import build_editor, build_model, describe_editor
    from imagic.models.device import settle
    from imagic.models.weights import locate_all

    plain = resolved(cfg)
    check_names(plain)
    checked("fits.keep", plain["fits"]["keep"], Keep)
    method = describe_editor(plain)
    dataset = build_dataset(plain["dataset"])
    requests = method.requests(plain["sweep"]["strengths"], plain["sweep"]["seeds"])
    method.check(dataset.entries)
    device, threads = settle(plain["numerics"])
    start, model = time.monotonic(), None
    if method.takes_model:
        found = {key: str(folder) for key, folder in locate_all(plain["model"]).items()}
        plain = {**plain, "model": {**plain["model"], **found}}
        reporter.say(f"loading {plain['model']['name']}")
        model = build_model(plain, device)
    metrics = build_metrics(plain["metrics"], device)
    load_s = time.monotonic() - start

    def few(counts: Mapping[str, int], fits: FitStore | None = None) -> Editor:
        settings = {**plain, "method": with_steps(plain["method"], counts)}
        editor: Editor = build_editor(settings, device, model, fits)
        return editor

    batch = one_batch(method, requests, plain["numerics"]["sample_batch"])
    usable = [entry for entry in dataset.entries if not method.lacks(entry)]
    pairs = [dataset.load(entry) for entry in groups(usable, method.group)[0]]
    pair = pairs[0]
    reporter.say(f"measuring a few steps of {pair.id}")
    first = _time(few(_at_most(steps(plain["method"]), FEW)), pairs, batch)  # the first time everything is slower
    if plain["numerics"]["compile"]:
        load_s += first[0] * len(pairs) + first[1]
    peak_memory()
    fit_s, batch_s, images = measure(few, steps(plain["method"]), pairs, batch)
    cost = Cost(
        fit_s,
        batch_s * math.ceil(len(requests) / len(batch)),
        _scoring(metrics, pair, images) * len(requests),
        TABLES + _png_bytes(pair.image) * (len(requests) + 1 + (pair.truth is not None)),
        _fit_bytes(partial(few, _at_most(steps(plain["method"]), 1)), pair, method, plain["fits"]["keep"]),
    )
    return Estimate(len(dataset), len(requests), load_s, cost, peak_memory(), device, threads)


def steps(method: Mapping[str, Any], prefix: str = "") -> dict[str, int]:
    """Every setting of a method called ``steps``, dotted, that is not 0."""
    found: dict[str, int] = {}
    for key, value in method.items():
        if isinstance(value, Mapping):
            found |= steps(value, f"{prefix}{key}.")
        elif key == "steps" and isinstance(value, int) and value > 0:
            found[f"{prefix}{key}"] = value
    return found


def with_steps(method: Mapping[str, Any], counts: Mapping[str, int], prefix: str = "") -> dict[str, Any]:
    """A method's settings with other numbers of steps."""
    return {
        key: with_steps(value, counts, f"{prefix}{key}.")
        if isinstance(value, Mapping)
        else counts.get(f"{prefix}{key}", value)
        for key, value in method.items()
    }


def one_batch(method: Description, requests: Sequence[tuple[float, int]], size: int) -> list[tuple[float, int]]:
    """A batch as a pair's images come in: from all over the strengths; where a seed is a fit, all of one seed's."""
    if method.randomness == "fit":
        return [request for request in requests if request[1] == requests[0][1]]
    every = max(1, len(requests) // size)
    return list(requests[::-every][:size])[::-1]


def measure(
    few: Callable[[Mapping[str, int]], Editor],
    whole: Mapping[str, int],
    pairs: Sequence[EditPair],
    batch: Sequence[tuple[float, int]],
) -> tuple[float, float, np.ndarray]:
    """Seconds of a pair's fit and of a batch at the whole number of steps, and images made with few of them.

    A stage's time is taken to grow with its steps alone: what :data:`MORE` of them add is measured, stage by stage.

    Args:
        few: makes the method with so many steps of each stage.
        whole: the run's own number of steps of each stage.
        pairs: a group, which is fitted together; of most methods one pair.
        batch: the images to make of the first.
    """
    least = _at_most(whole, FEW)
    fit_s, batch_s, images = base = _time(few(least), pairs, batch)
    for stage, count in whole.items():
        extra = min(count, FEW + MORE) - least[stage]
        if extra > 0:
            more = _time(few({**least, stage: least[stage] + extra}), pairs, batch)
            left = count - least[stage]
            fit_s += max(0.0, more[0] - base[0]) / extra * left
            batch_s += max(0.0, more[1] - base[1]) / extra * left
    return fit_s, batch_s, images


def _at_most(counts: Mapping[str, int], most: int) -> dict[str, int]:
    return {stage: min(count, most) for stage, count in counts.items()}


def _time(
    editor: Editor, pairs: Sequence[EditPair], batch: Sequence[tuple[float, int]]
) -> tuple[float, float, np.ndarray]:
    """Seconds of a pair's fit and of a batch of the first pair, and its images, (N, size, size, 3) uint8."""
    import torch

    fit_s, batch_s, images = 0.0, 0.0, np.empty(0)
    for pair in pairs:
        start = time.monotonic()
        if editor.awaits_group(pair):
            editor.fit_group(pairs)
        with editor.fit(pair) as edit:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            fitted = time.monotonic()
            fit_s += fitted - start
            if pair is pairs[0]:
                images = np.stack([sample.image for sample in edit.sample(batch)])
                batch_s = time.monotonic() - fitted
    return fit_s / len(pairs), batch_s, images


def _scoring(metrics: Sequence[Metric], pair: EditPair, images: np.ndarray) -> float:
    """Seconds an image of measuring with all metrics."""
    reference = Reference(pair.image, pair.target_text, pair.source_text, pair.truth)
    for again in (False, True):  # the first time everything is slower
        start = time.monotonic()
        for metric in metrics:
            if metric.unscored(reference) is None:
                metric.score(reference, np.roll(images, int(again), axis=1))
    return (time.monotonic() - start) / len(images)


def _png_bytes(image: np.ndarray) -> int:
    """Of the input: images of few steps are noise, which packs badly."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, format="PNG")
    return file.tell()


def _fit_bytes(make: Callable[[FitStore], Editor], pair: EditPair, method: Description, keep: str) -> int:
    """Return the bytes that one kept fit takes on the disk."""
    from imagic.fits import FitStore

    if keep == "none" or not method.keeps_fits:
        return 0
    with TemporaryDirectory() as folder, make(FitStore(Path(folder), keep, {})).fit(pair):
        return sum(path.stat().st_size for path in Path(folder).iterdir())
