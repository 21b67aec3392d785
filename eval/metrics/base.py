"""What a metric is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple, TypeVar

import numpy as np
import pandas as pd

Scores = TypeVar("Scores", float, pd.Series)
Kind = Literal["alignment", "fidelity", "judgement"]


class Reference(NamedTuple):
    """What edited images are compared with.

    Attributes:
        image: the input, (size, size, 3) uint8.
        target_text, source_text: what the edited image should show, and what the input shows.
        truth: the true edited image where it is known, like ``image``.
    """

    image: np.ndarray
    target_text: str
    source_text: str | None = None
    truth: np.ndarray | None = None


class Metric(ABC):
    """A pure function with an identity.

    Attributes:
        name: says backbone, weights and size; names the column. Two metrics with one name give the same numbers.
        kind: whether it measures alignment to the text or fidelity to the input, or judges (0 or 1) against the true edit.
        distance: raw scores are distances; figures show 1 − score, under the name ``1-<name>``.
    """

    name: str
    kind: ClassVar[Kind]
    distance: ClassVar[bool] = False

    @property
    def shown(self) -> str:
        """The name of what tables and figures show: ``1-<name>`` for a distance."""
        return shown_name(self.name)

    @abstractmethod
    def score(self, reference: Reference, images: np.ndarray) -> np.ndarray:
        """Raw scores, (N,) float64, of edited images, (N, size, size, 3) uint8; NaN where it has nothing to say."""


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


def shown_name(metric: str) -> str:
    """A column's name as tables and figures show it: fidelity is 1 − LPIPS."""
    return f"1-{metric}" if is_distance(metric) else metric


def shown_score(metric: str, raw: Scores) -> Scores:
    """Raw scores of a column as tables and figures show them."""
    return 1 - raw if is_distance(metric) else raw


def is_distance(metric: str) -> bool:
    """Whether a column's raw scores are distances."""
    return metric.startswith("lpips/")


def is_judgement(metric: str) -> bool:
    """Whether a column's scores are 0 or 1, and their mean a part of the images."""
    return metric.startswith("judge/")


def short_name(metric: Metric, among: Sequence[Metric]) -> str:
    """A column's heading, "CLIP score", "1−LPIPS" or "judged success".

    With the backbone where ``among`` has several of the kind.
    """
    if metric.kind == "judgement":
        return f"judged {metric.name.split('/')[1]}"
    word = "1−LPIPS" if metric.kind == "fidelity" else "CLIP score"
    return f"{word} {metric.name.split('/')[1]}" if sum(m.kind == metric.kind for m in among) > 1 else word
