"""CLIP score: cosine between an image's and the target text's CLIP embeddings (Hessel et al., arXiv 2104.08718)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from eval.metrics.base import Kind, Reference, check_images
from eval.metrics.clip_metric import ClipMetric


class ClipScore(ClipMetric):
    """Raw cosine, neither scaled by 2.5 or 100 nor clamped. Images go through the model's own preprocessing."""

    kind: ClassVar[Kind] = "alignment"
    heading = "CLIP score"
    prefix = "clip"
    rank = 0
    reads = ()

    def score(self, reference: Reference, images: np.ndarray) -> np.ndarray:
        """Return cosines, (N,) float64."""
        check_images(reference, images)
        return self._clip.edited(images) @ self._clip.text(reference.target_text)
