"""CLIP-I: cosine between the CLIP embeddings of the edited image and of the input (Ruiz et al., arXiv 2208.12242)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from eval.metrics.base import Kind, Metric, Reference, check_images
from eval.metrics.clip_features import open_features


class ClipImageSimilarity(Metric):
    """The raw cosine, of images through the model's own preprocessing."""

    kind: ClassVar[Kind] = "fidelity"
    heading = "CLIP-I"
    bounds = (-1.0, 1.0)
    rank = 1
    reads = ()

    def __init__(self, model: str, pretrained: str | None = None, device: str = "cpu", batch: int = 32) -> None:
        """Takes and raises what :func:`eval.metrics.clip_features.open_features` does."""
        self._clip = open_features(model, pretrained, device, batch)
        self.name, self.synthetic = f"clip-i/{self._clip.name}", self._clip.synthetic

    def score(self, reference: Reference, images: np.ndarray) -> np.ndarray:
        """Cosines, (N,) float64."""
        check_images(reference, images)
        return self._clip.edited(images) @ self._clip.input(reference.image)
