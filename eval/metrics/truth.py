"""How near an edited image is to the true one, which only a drawn world knows (Picturebook)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from eval.metrics.base import Kind, Metric, Reference, check_images
from tedbench.build import build


class TowardsTruth(Metric):
    """A metric of fidelity with the true edited image in the input's place: LPIPS, PSNR or another."""

    kind: ClassVar[Kind] = "truth"

    def __init__(self, metric: Mapping[str, Any], device: str = "cpu") -> None:
        """
        Args:
            metric: the settings of a metric that compares images, ``_target_`` and its options.
            device: where it computes.

        Raises:
            UserError: as the metric does.
        """
        self._metric: Metric = build(metric, Metric, device=device)
        inner = self._metric.card
        self.name, self.heading = f"truth-{inner.name}", f"{inner.heading} to true edit"
        self.higher_is_better, self.bounds, self.share = inner.higher_is_better, inner.bounds, inner.share
        self.rank, self.synthetic = inner.rank, inner.synthetic
        self.reads = tuple(dict.fromkeys((*inner.reads, "truth")))

    def unscored(self, reference: Reference) -> str | None:
        """Most datasets know no true edited image."""
        return "no true edited image" if reference.truth is None else None

    def score(self, reference: Reference, images: np.ndarray) -> np.ndarray:
        """The metric's raw scores, (N,) float64."""
        check_images(reference, images)
        if reference.truth is None:
            return np.full(len(images), np.nan)
        return self._metric.score(reference._replace(image=reference.truth), images)
