"""Estimate of a run's time, memory and disk space from a few steps of one of its pairs."""

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
from eval.engine.batches import Batches
from eval.engine.groups import groups
from eval.engine.memory import peak_memory
from eval.engine.spec import require_choices
from eval.metrics.base import Metric, Reference
from eval.metrics.build import build_metrics, check_metrics
from eval.metrics.measure import measure
from eval.runs.config import check_names
from tedbench.datasets.build import build_dataset
from tedbench.method import Description, Editor
from tedbench.pair import EditPair

if TYPE_CHECKING:
    from eval.engine.progress import Reporter
    from imagic.fits import FitStore

FEW, MORE = 3, 6
"""Steps of each stage in the base measurement, and additional steps from which the time of one step is computed."""

TABLES = 50_000
"""Approximate size in bytes of a pair's tables and of its part of the report."""


class PairCost(NamedTuple):
    """Estimated cost of one pair.

    Attributes:
        fit_s: seconds to fit it.
        sample_s: seconds to sample all its images.
        score_s: seconds to score them.
        bytes: its size in the run's folder.
        fit_bytes: size of its kept fit; 0 if fits are not kept.
        evaluations: images that go through the network for it, one with a gradient three times; 0 if there is no network.
    """

    fit_s: float
    sample_s: float
    score_s: float
    bytes: int
    fit_bytes: int
    evaluations: float = 0.0

    @property
    def seconds(self) -> float:
        """Total seconds."""
        return self.fit_s + self.sample_s + self.score_s


class Estimate(NamedTuple):
    """Estimated cost of a run.

    Attributes:
        pairs: number of pairs.
        images: number of images of each pair.
        load_s: seconds until the first pair begins.
        pair: cost of one pair.
        peak: peak memory in GiB, see :func:`eval.engine.memory.peak_memory`.
        device: device of the measurement.
        threads: CPU threads of the measurement.
    """

    pairs: int
    images: int
    load_s: float
    pair: PairCost
    peak: dict[str, float]
    device: str
    threads: int

    def seconds(self, workers: int = 1) -> float:
        """Return the wall-clock seconds with several workers, each with a processor of its own."""
        return self.load_s + math.ceil(self.pairs / workers) * self.pair.seconds

    @property
    def bytes(self) -> int:
        """Size on the disk, kept fits included."""
        return self.pairs * (self.pair.bytes + self.pair.fit_bytes)


def estimate(cfg: DictConfig, reporter: Reporter) -> Estimate:
    """Measure a few steps of one pair of a run and extrapolate to the whole. Writes only temporary files.

    Args:
        cfg: configuration of ``eval.run``.
        reporter: shows progress.

    Raises:
        UserError: ``eval.run`` would refuse the configuration.
    """
    from imagic.api import build_editor, build_model, describe_editor
    from imagic.models.device import settle
    from imagic.models.weights import locate_all

    plain = resolved(cfg)
    check_names(plain)
    require_choices(plain)
    method = describe_editor(plain)
    dataset = build_dataset(plain["dataset"])
    requests = method.requests(plain["sweep"]["strengths"], plain["sweep"]["seeds"])
    method.check(dataset.entries)
    batches = Batches.of(method, len(requests), len(dataset.listed), plain["numerics"]["sample_batch"])
    plain = batches.within(plain)
    device, threads = settle(plain["numerics"])
    check_metrics(plain["metrics"], device)
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

    batch = one_batch(method, requests, batches.images)
    usable = [entry for entry in dataset.entries if not method.lacks(entry)]
    pairs = [dataset.load(entry) for entry in groups(usable, max(method.group, batches.pairs))[0]]
    pair = pairs[0]
    reporter.say(f"measuring a few steps of {pair.id}")
    first = _time(few(_at_most(steps(plain["method"]), FEW)), pairs, batch)  # warm-up, which is slower
    if plain["numerics"]["compile"]:
        load_s += first.fit_s * len(pairs) + first.batch_s
    peak_memory()
    whole = extrapolate(few, steps(plain["method"]), pairs, batch)
    count = len(requests) / batches.images if method.shares else math.ceil(len(requests) / len(batch))
    cost = PairCost(
        whole.fit_s,
        whole.batch_s * count,
        _scoring(metrics, pair, whole.images) * len(requests),
        TABLES + _png_bytes(pair.image) * (len(requests) + 1 + (pair.truth is not None)),
        _fit_bytes(partial(few, _at_most(steps(plain["method"]), 1)), pair, method, plain["fits"]["keep"]),
        whole.fit_evaluations + whole.batch_evaluations * count,
    )
    return Estimate(len(dataset), len(requests), load_s, cost, peak_memory(), device, threads)


def steps(method: Mapping[str, Any], prefix: str = "") -> dict[str, int]:
    """Return all settings of a method called ``steps`` that are not 0, by dotted name."""
    found: dict[str, int] = {}
    for key, value in method.items():
        if isinstance(value, Mapping):
            found |= steps(value, f"{prefix}{key}.")
        elif key == "steps" and isinstance(value, int) and value > 0:
            found[f"{prefix}{key}"] = value
    return found


def with_steps(method: Mapping[str, Any], counts: Mapping[str, int], prefix: str = "") -> dict[str, Any]:
    """Return a method's settings with other numbers of steps, by dotted name."""
    return {
        key: with_steps(value, counts, f"{prefix}{key}.")
        if isinstance(value, Mapping)
        else counts.get(f"{prefix}{key}", value)
        for key, value in method.items()
    }


def one_batch(method: Description, requests: Sequence[tuple[float, int]], size: int) -> list[tuple[float, int]]:
    """Return a representative batch of at most ``size`` requests, spread over the strengths.

    If each seed is a fit, it is all requests of the first seed, whatever ``size``.
    """
    if method.randomness == "fit":
        return [request for request in requests if request[1] == requests[0][1]]
    every = max(1, len(requests) // size)
    return list(requests[::-every][:size])[::-1]


class Timing(NamedTuple):
    """A measured or extrapolated fit of one pair, and the sampling of a batch.

    Attributes:
        fit_s, batch_s: seconds of each.
        fit_evaluations, batch_evaluations: images that went through the network in each.
        images: the batch, (N, size, size, 3) uint8.
    """

    fit_s: float
    batch_s: float
    fit_evaluations: float
    batch_evaluations: float
    images: np.ndarray


def extrapolate(
    few: Callable[[Mapping[str, int]], Editor],
    whole: Mapping[str, int],
    pairs: Sequence[EditPair],
    batch: Sequence[tuple[float, int]],
) -> Timing:
    """Extrapolate the cost of a fit and of a batch to the full number of steps.

    A stage's cost is assumed to be linear in its steps: the time of :data:`MORE` additional steps is measured for each
    stage.

    Args:
        few: builds the method with the given number of steps of each stage.
        whole: the run's number of steps of each stage.
        pairs: a group, which is fitted together; for most methods one pair.
        batch: the (strength, seed) to sample of the first pair.

    Returns:
        The whole cost, and the images of the base measurement.
    """
    least = _at_most(whole, FEW)
    base = _time(few(least), pairs, batch)
    total = list(base[:4])
    for stage, count in whole.items():
        extra = min(count, FEW + MORE) - least[stage]
        if extra > 0:
            more = _time(few({**least, stage: least[stage] + extra}), pairs, batch)
            left = (count - least[stage]) / extra
            total = [t + max(0.0, b - a) * left for t, a, b in zip(total, base[:4], more[:4], strict=True)]
    fit_s, batch_s, fit, sampled = total
    return Timing(fit_s, batch_s, fit, sampled, base.images)


def _at_most(counts: Mapping[str, int], most: int) -> dict[str, int]:
    return {stage: min(count, most) for stage, count in counts.items()}


def _time(editor: Editor, pairs: Sequence[EditPair], batch: Sequence[tuple[float, int]]) -> Timing:
    """Return the mean cost of a fit, and that of a batch of the first pair, with its images."""
    import torch

    fit_s, batch_s, images = 0.0, 0.0, np.empty(0)
    begin = editor.evaluations
    if editor.shares and len(pairs) > 1:
        start = time.monotonic()
        editor.fit_together(pairs)
        shared_s, shared = (time.monotonic() - start) / len(pairs), (editor.evaluations - begin) / len(pairs)
        return _time(editor, pairs[:1], batch)._replace(fit_s=shared_s, fit_evaluations=shared)
    sampled = 0
    for pair in pairs:
        start = time.monotonic()
        if editor.awaits_group(pair):
            editor.fit_group(pairs)
        with editor.fit(pair) as edit:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            fitted, before = time.monotonic(), editor.evaluations
            fit_s += fitted - start
            if pair is pairs[0]:
                images = np.stack([sample.image for sample in edit.sample(batch)])
                batch_s, sampled = time.monotonic() - fitted, editor.evaluations - before
    fits = (editor.evaluations - begin - sampled) / len(pairs)
    return Timing(fit_s / len(pairs), batch_s, fits, sampled, images)


def _scoring(metrics: Sequence[Metric], pair: EditPair, images: np.ndarray) -> float:
    """Return the seconds that all metrics need for one image."""
    reference = Reference(pair.image, pair.target_text, pair.source_text, pair.truth)
    for again in (False, True):  # the first pass is a warm-up
        start = time.monotonic()
        for metric in metrics:
            measure(metric, reference, np.roll(images, int(again), axis=1), pair.id)
    return (time.monotonic() - start) / len(images)


def _png_bytes(image: np.ndarray) -> int:
    """Return the size of the input as PNG: images of few steps are noise, which compresses badly."""
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
