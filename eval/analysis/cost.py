"""The cost of a method's edits, from the events of its run."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from eval.analysis.methods import Method


class Cost(NamedTuple):
    """Means over pairs; NaN if nothing was recorded.

    Attributes:
        seconds: for one edited image: the fit, and one image's share of the sampling.
        n_pairs: number of pairs in the mean ``seconds``.
        evaluations: of the network for one edited image, like ``seconds``; one with a gradient counts as three.
        peak_gib: the most memory for one pair: of the GPU, or without one of the whole process.
        of_process: True if it is that of the process.
        machine: the machine of the run.
    """

    seconds: float
    n_pairs: int
    evaluations: float
    peak_gib: float
    of_process: bool
    machine: str


def cost(method: Method, pair_ids: Sequence[str]) -> Cost:
    """Return the cost of these pairs, each from its last edit. Images made elsewhere have no known cost."""
    events = [] if method.run.cards.method.elsewhere else method.run.events()
    last = {event.get("pair"): event for event in events if event["event"] == "pair"}
    made = [last[pair_id] for pair_id in pair_ids if pair_id in last]
    timed = [seconds for event in made if (seconds := _seconds(event)) is not None]
    mean = sum(timed) / len(timed) if timed else math.nan
    peaks = [float(event["peak_gib"]) for event in made if "peak_gib" in event]
    of_process = [float(event["peak_process_gib"]) for event in made if "peak_process_gib" in event]
    counted = [each["fit_evaluations"] + each["sample_evaluations"] / each["images"] for each in made if _counted(each)]
    evaluations = sum(counted) / len(counted) if counted else math.nan
    return Cost(mean, len(timed), evaluations, max(peaks or of_process, default=math.nan), not peaks, _machine(method))


def _seconds(event: dict[str, Any]) -> float | None:
    """Return the seconds of one image. Fits made while sampling (one a seed) count once, not once an image.

    See :class:`tedbench.method.Facts`.
    """
    if not {"fit_s", "sample_s", "images"} <= event.keys() or not event["images"]:
        return None
    fitting = float(event.get("sample_fit_s", 0))
    fits = max(1, int(event.get("sample_fits", 1)))
    return event["fit_s"] + fitting / fits + max(0.0, event["sample_s"] - fitting) / event["images"]


def _counted(event: dict[str, Any]) -> bool:
    return {"fit_evaluations", "sample_evaluations", "images"} <= event.keys() and bool(event["images"])


def _machine(method: Method) -> str:
    """Return the machine: "NVIDIA H200" or "x86_64, 2 threads"."""
    try:
        made_with = json.loads((method.run.folder / "provenance.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "not recorded"
    if made_with.get("gpu"):
        return str(made_with["gpu"])
    threads = made_with.get("threads")
    return f"{made_with.get('processor', 'cpu')}, {threads} thread{'' if threads == 1 else 's'}"
