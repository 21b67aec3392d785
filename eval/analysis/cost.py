"""What a method's edits cost, from what its run wrote down."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from eval.analysis.methods import Method


class Cost(NamedTuple):
    """Means over pairs; NaN where nothing was written down.

    Attributes:
        seconds: for one edited image: the fit, and one image's share of the sampling.
        n_pairs: of which ``seconds`` is the mean.
        peak_gib: the most memory that a pair took: of the GPU, or where none was used of the whole process.
        of_process: which of the two.
        machine: on which that was.
    """

    seconds: float
    n_pairs: int
    peak_gib: float
    of_process: bool
    machine: str


def cost(method: Method, pair_ids: Sequence[str]) -> Cost:
    """The cost of these pairs, each as it was made last. Images that were made elsewhere cost nothing that is known."""
    events = [] if method.run.cards.method.elsewhere else method.run.events()
    last = {event.get("pair"): event for event in events if event["event"] == "pair"}
    made = [last[pair_id] for pair_id in pair_ids if pair_id in last]
    timed = [seconds for event in made if (seconds := _seconds(event)) is not None]
    mean = sum(timed) / len(timed) if timed else math.nan
    peaks = [float(event["peak_gib"]) for event in made if "peak_gib" in event]
    of_process = [float(event["peak_process_gib"]) for event in made if "peak_process_gib" in event]
    return Cost(mean, len(timed), max(peaks or of_process, default=math.nan), not peaks, _machine(method))


def _seconds(event: dict[str, Any]) -> float | None:
    """Fits that a method makes while it samples (one for each seed) count once, not once for each image.

    See :class:`tedbench.method.Facts`.
    """
    if not {"fit_s", "sample_s", "images"} <= event.keys() or not event["images"]:
        return None
    fitting = float(event.get("sample_fit_s", 0))
    fits = max(1, int(event.get("sample_fits", 1)))
    return event["fit_s"] + fitting / fits + max(0.0, event["sample_s"] - fitting) / event["images"]


def _machine(method: Method) -> str:
    """ "NVIDIA H200" or "x86_64, 2 threads"."""
    try:
        made_with = json.loads((method.run.folder / "provenance.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "not recorded"
    if made_with.get("gpu"):
        return str(made_with["gpu"])
    threads = made_with.get("threads")
    return f"{made_with.get('processor', 'cpu')}, {threads} thread{'' if threads == 1 else 's'}"
