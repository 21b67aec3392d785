"""How long each stage of an edit takes, and how much memory."""

from __future__ import annotations

import time
from typing import Any

from eval.engine.memory import peak_memory
from tedbench.method import Progress


class Stages:
    """A :data:`~tedbench.method.Progress` that keeps time and memory of every stage told of, and passes everything on.

    What goes on before a stage's first step, such as encoding the image, counts with it.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._seconds: dict[str, float] = {}
        self._peaks: dict[str, dict[str, float]] = {}
        peak_memory()  # what is measured from here on is this pair's
        self._last = time.monotonic()

    def __call__(self, stage: str, step: int, steps: int) -> None:
        """Told after each step; at a stage's last one, the most memory in use since the one before is kept."""
        now = time.monotonic()
        self._seconds[stage] = self._seconds.get(stage, 0.0) + now - self._last
        self._last = now
        if step == steps:
            had = self._peaks.get(stage, {})
            self._peaks[stage] = {key: max(peak, had.get(key, 0.0)) for key, peak in peak_memory().items()}
        self._progress(stage, step, steps)

    def facts(self) -> dict[str, Any]:
        """``stages``: seconds (``s``) and peak of each; and the peak of all, as :func:`~eval.engine.memory.peak_memory` has it."""
        rest = peak_memory()
        stages = {name: {"s": round(s, 2), **self._peaks.get(name, {})} for name, s in self._seconds.items()}
        peaks = [rest, *self._peaks.values()]
        return {"stages": stages, **{key: max(peak.get(key, 0.0) for peak in peaks) for key in rest}}
