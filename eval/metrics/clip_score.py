"""CLIP score: cosine between an image's and the target text's CLIP embeddings (Hessel et al., arXiv 2104.08718)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from eval.metrics.base import Kind, Metric, Reference, check_images
from eval.metrics.clip_features import open_features


class ClipScore(Metric):
    """Raw cosine, neither scaled by 2.5 or 100 nor clamped. Images go through the model's own preprocessing."""

    kind: ClassVar[Kind] = "alignment"
    heading = "CLIP score"
    bounds = (-1.0, 1.0)
    rank = 0
    reads = ()

    def __init__(self, model: str, pretrained: str | None = None, device: str = "cpu", batch: int = 32) -> None:
        """
        Args:
            model: a name that open_clip knows, or a folder in its format.
            pretrained: open_clip's tag of the weights, or a file; unused for a folder.
            device: device of the computation.
            batch: number of images at a time; affects only speed and the last bits.

        Raises:
            UserError: see :func:`eval.metrics.clip_features.open_features`.
        """
        self._clip = open_features(model, pretrained, device, batch)
        self.name, self.synthetic = f"clip/{self._clip.name}", self._clip.synthetic

    def score(self, reference: Reference, images: np.ndarray) -> np.ndarray:
        """Return cosines, (N,) float64."""
        check_images(reference, images)
        return self._clip.edited(images) @ self._clip.text(reference.target_text)
