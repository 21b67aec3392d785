"""Metrics of which only scores are left."""

from __future__ import annotations

import numpy as np

from eval.metrics.base import Metric, Reference
from eval.metrics.names import kind_of, metric_order
from eval.runs.folder import Run


class SavedMetric(Metric):
    """A metric of which only scores are left: it has a name and a kind, and measures nothing."""

    def __init__(self, name: str) -> None:
        kind = kind_of(name)
        self.name = name
        if kind is not None:
            self.kind = kind  # type: ignore[misc]

    def score(self, reference: Reference, images: np.ndarray) -> np.ndarray:
        raise NotImplementedError(f"{self.name} is known by its scores alone")


def saved_metrics(run: Run) -> list[SavedMetric]:
    """Those that a run has scores of and whose kind is known, in the order of figures."""
    names = sorted(run.scores()["metric"].unique(), key=metric_order)
    return [SavedMetric(name) for name in names if kind_of(name) is not None]
