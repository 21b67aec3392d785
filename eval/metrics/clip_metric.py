"""The base of metrics on CLIP's embeddings."""

from __future__ import annotations

from typing import ClassVar

from eval.metrics.base import Metric
from eval.metrics.clip_features import open_features


class ClipMetric(Metric):
    """A cosine of CLIP embeddings; images go through the model's own preprocessing.

    Attributes:
        prefix: the first part of its name, before the model's.
    """

    prefix: ClassVar[str]
    bounds = (-1.0, 1.0)

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
        self.name, self.synthetic = f"{self.prefix}/{self._clip.name}", self._clip.synthetic
