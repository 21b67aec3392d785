"""Similarity of edited images to the true edit, which only drawn datasets have (Picturebook)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from eval.metrics.base import Kind, Metric, Reference, check_images
from tedbench.build import build


class TowardsTruth(Metric):
    """A metric of fidelity (LPIPS, PSNR or another) with the true edit in place of the input."""

    kind: ClassVar[Kind] = "truth"

    def __init__(self, metric: Mapping[str, Any], device: str = "cpu") -> None:
        """
        Args:
            metric: the settings of a metric that compares images, ``_target_`` and its options.
            device: device of the computation.

        Raises:
            UserError: the settings are wrong, or see the metric.
        """
        self._metric: Metric = build(metric, Metric, device=device)
        inner = self._metric.card
        self.name, self.heading = f"truth-{inner.name}", f"{inner.heading} to true edit"
        self.higher_is_better, self.bounds, self.share = inner.higher_is_better, inner.bounds, inner.share
        self.rank, self.synthetic, self.pixelwise = inner.rank, inner.synthetic, inner.pixelwise
        self.reads = tuple(dict.fromkeys((*inner.reads, "truth")))

    def unscored(self, reference: Reference) -> str | None:
        """Return the reason if the pair has no true edit."""
        return "no true edited image" if reference.truth is None else None

    def score(self, reference: Reference, images: np.ndarray) -> np.ndarray:
        """Return the metric's raw scores, (N,) float64."""
        check_images(reference, images)
        if reference.truth is None:
            return np.full(len(images), np.nan)
        return self._metric.score(reference._replace(image=reference.truth), images)
