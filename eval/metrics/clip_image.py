"""CLIP-I: cosine between the CLIP embeddings of the edited image and of the input (Ruiz et al., arXiv 2208.12242)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from eval.metrics.base import Kind, Reference, check_images
from eval.metrics.clip_metric import ClipMetric


class ClipImageSimilarity(ClipMetric):
    """Raw cosine. Images go through the model's own preprocessing."""

    kind: ClassVar[Kind] = "fidelity"
    heading = "CLIP-I"
    prefix = "clip-i"
    rank = 1
    reads = ()

    def score(self, reference: Reference, images: np.ndarray) -> np.ndarray:
        """Return cosines, (N,) float64."""
        check_images(reference, images)
        return self._clip.edited(images) @ self._clip.input(reference.image)
