"""CLIP-I: cosine between the CLIP embeddings of the edited image and of the input (Ruiz et al., arXiv 2208.12242)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from eval.metrics.base import Kind, Metric, Reference, check_images
from eval.metrics.clip_features import open_features


class ClipImageSimilarity(Metric):
    """Raw cosine. Images go through the model's own preprocessing."""

    kind: ClassVar[Kind] = "fidelity"
    heading = "CLIP-I"
    bounds = (-1.0, 1.0)
    rank = 1
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
        self.name, self.synthetic = f"clip-i/{self._clip.name}", self._clip.synthetic

    def score(self, reference: Reference, images: np.ndarray) -> np.ndarray:
        """Return cosines, (N,) float64."""
        check_images(reference, images)
        return self._clip.edited(images) @ self._clip.input(reference.image)
