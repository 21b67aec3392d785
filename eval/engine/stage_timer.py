"""Time and peak memory of each stage of an edit."""

from __future__ import annotations

import time
from typing import Any

from eval.engine.memory import peak_memory
from tedbench.method import Progress


class StageTimer:
    """A :data:`~tedbench.method.Progress` that measures time and memory of every stage and calls another one.

    Work before a stage's first step, such as encoding the image, counts as part of the stage.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._seconds: dict[str, float] = {}
        self._peaks: dict[str, dict[str, float]] = {}
        peak_memory()  # reset, to measure this pair alone
        self._last = time.monotonic()

    def __call__(self, stage: str, step: int, steps: int) -> None:
        """Add the time since the last step to a stage; after the stage's last step, record the peak memory."""
        now = time.monotonic()
        self._seconds[stage] = self._seconds.get(stage, 0.0) + now - self._last
        self._last = now
        if step == steps:
            had = self._peaks.get(stage, {})
            self._peaks[stage] = {key: max(peak, had.get(key, 0.0)) for key, peak in peak_memory().items()}
        self._progress(stage, step, steps)

    def facts(self) -> dict[str, Any]:
        """Return ``stages`` with seconds (``s``) and peaks of each, and the overall peaks.

        Peaks have the keys of :func:`~eval.engine.memory.peak_memory`.
        """
        rest = peak_memory()
        stages = {name: {"s": round(s, 2), **self._peaks.get(name, {})} for name, s in self._seconds.items()}
        peaks = [rest, *self._peaks.values()]
        return {"stages": stages, **{key: max(peak.get(key, 0.0) for peak in peaks) for key in rest}}
