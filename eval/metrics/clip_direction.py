"""Directional CLIP similarity of image change and text change (Gal et al., StyleGAN-NADA, arXiv 2108.00946)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from eval.metrics.base import Kind, Reference, check_images
from eval.metrics.clip_metric import ClipMetric


class ClipDirection(ClipMetric):
    """Cosine between the direction from input to edited image and the direction from source to target text.

    Directions are differences of unit vectors, as in InstructPix2Pix (arXiv 2211.09800, section 4.1). An image that
    equals the input scores 0. If the model does not distinguish the texts, the metric does not apply: they have equal
    tokens (OpenAI's tokenizer ignores capitals and spaces, and truncates long texts), or their unit vectors are within
    :data:`eval.metrics.clip_features.SAME_TEXT` of each other.
    """

    kind: ClassVar[Kind] = "alignment"
    heading = "CLIP direction"
    prefix = "clip-direction"
    rank = 1
    reads = ("source_text",)

    def unscored(self, reference: Reference) -> str | None:
        """Return the reason if there is no source text, or the model does not distinguish it from the target text."""
        if not reference.source_text:
            return "no source text"
        if reference.source_text == reference.target_text:
            return "source text and target text are the same"
        if self._clip.same_text(reference.source_text, reference.target_text):
            return "source text and target text are the same to the model"
        return None

    def score(self, reference: Reference, images: np.ndarray) -> np.ndarray:
        """Return cosines, (N,) float64."""
        check_images(reference, images)
        if self.unscored(reference):
            return np.full(len(images), np.nan)
        asked = self._clip.text(reference.target_text) - self._clip.text(str(reference.source_text))
        made = self._clip.edited(images) - self._clip.input(reference.image)
        made[(images == reference.image).all(axis=(1, 2, 3))] = 0  # batches differ in the last bits
        lengths = np.linalg.norm(made, axis=1) * np.linalg.norm(asked)
        return np.divide(made @ asked, lengths, out=np.zeros(len(images)), where=lengths > 0)
