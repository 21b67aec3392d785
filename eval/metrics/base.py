"""What a metric is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple

import numpy as np


class Reference(NamedTuple):
    """What edited images are compared with: the input, (size, size, 3) uint8, and the texts."""

    image: np.ndarray
    target_text: str
    source_text: str | None = None


class Metric(ABC):
    """A pure function with an identity.

    Attributes:
        name: says backbone, weights and size; names the column. Two metrics with one name give the same numbers.
        kind: whether it measures alignment to the text or fidelity to the input.
        distance: raw scores are distances; figures show 1 − score, under the name ``1-<name>``.
    """

    name: str
    kind: ClassVar[Literal["alignment", "fidelity"]]
    distance: ClassVar[bool] = False

    @property
    def shown(self) -> str:
        """The name of what tables and figures show: ``1-<name>`` for a distance."""
        return presented(self.name, 0.0)[0]

    @abstractmethod
    def score(self, reference: Reference, images: np.ndarray) -> np.ndarray:
        """Raw scores, (N,) float64, of edited images, (N, size, size, 3) uint8."""


def check_images(images: np.ndarray) -> None:
    """Refuses what looks like an image but would give a plausible wrong number.

    Raises:
        TypeError: not (N, H, W, 3) uint8.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
        raise TypeError(
            f"metrics take (N, H, W, 3) uint8 images, got {images.shape} {images.dtype}. "
            "Convert floats in [0, 1] with (x * 255).round().astype(np.uint8)."
        )


def presented(metric: str, score: float) -> tuple[str, float]:
    """Name and value as tables and figures show them: fidelity is 1 − LPIPS."""
    return (f"1-{metric}", 1 - score) if is_distance(metric) else (metric, score)


def is_distance(metric: str) -> bool:
    """Whether a column's raw scores are distances."""
    return metric.startswith("lpips/")


def short_name(metric: Metric, among: Sequence[Metric]) -> str:
    """A column's heading, "CLIP score" or "1−LPIPS"; with the backbone where ``among`` has several of the kind."""
    word = "1−LPIPS" if metric.kind == "fidelity" else "CLIP score"
    return f"{word} {metric.name.split('/')[1]}" if sum(m.kind == metric.kind for m in among) > 1 else word
