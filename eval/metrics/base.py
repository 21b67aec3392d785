"""What a metric is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal, NamedTuple, TypeVar

import numpy as np
import pandas as pd

Scores = TypeVar("Scores", float, pd.Series)
Kind = Literal["alignment", "fidelity", "truth", "judgement"]


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
        name: says backbone, weights and size; names the column. Two metrics with one name give the same numbers. Its
            first word says what is measured; one that ends in ``lpips`` or ``distance`` is a distance, which figures
            show as 1 − score under the name ``1-<name>``.
        kind: whether it measures alignment to the text, fidelity to the input or likeness to the true edited image, or
            judges (0 or 1) against the latter.
    """

    name: str
    kind: ClassVar[Kind]

    @property
    def shown(self) -> str:
        """The name of what tables and figures show: ``1-<name>`` for a distance."""
        return shown_name(self.name)

    def unscored(self, reference: Reference) -> str | None:
        """Why it has nothing to say of a pair ("no source text"); None where it has."""
        return None

    @abstractmethod
    def score(self, reference: Reference, images: np.ndarray) -> np.ndarray:
        """Raw scores, (N,) float64, of edited images, (N, size, size, 3) uint8; NaN where the pair is unscored."""


def check_images(reference: Reference, images: np.ndarray) -> None:
    """Refuses what looks like images but would give a plausible wrong number.

    Raises:
        TypeError: not (N, H, W, 3) uint8.
        ValueError: the edited images and what they are compared with differ in size.
    """
    others = [other for other in (reference.image, reference.truth) if other is not None]
    for batch in (images, *(other[None] for other in others)):
        if batch.dtype != np.uint8 or batch.ndim != 4 or batch.shape[-1] != 3:
            raise TypeError(
                f"metrics take (N, H, W, 3) uint8 images, got {batch.shape} {batch.dtype}. "
                "Convert floats in [0, 1] with (x * 255).round().astype(np.uint8)."
            )
    for other in others:
        if other.shape != images.shape[1:]:
            raise ValueError(
                f"edited images of {images.shape[1]}×{images.shape[2]} are compared with {other.shape[0]}×"
                f"{other.shape[1]}. Bring both to one square with tedbench.image.square."
            )


def shown_name(metric: str) -> str:
    """A column's name as tables and figures show it: fidelity is 1 − LPIPS."""
    return f"1-{metric}" if is_distance(metric) else metric


def shown_score(metric: str, raw: Scores) -> Scores:
    """Raw scores of a column as tables and figures show them."""
    return 1 - raw if is_distance(metric) else raw


def is_distance(metric: str) -> bool:
    """Whether a column's raw scores are distances, by its name (see :class:`Metric`)."""
    return metric.partition("/")[0].endswith(("lpips", "distance"))


def is_judgement(metric: str) -> bool:
    """Whether a column's scores are 0 or 1, and their mean a part of the images."""
    return metric.startswith("judge/")


def is_partial(metric: str) -> bool:
    """Whether a column, by its raw name or as it is shown, lacks pairs without source text or true edited image."""
    return metric.removeprefix("1-").startswith(("clip-direction/", "truth-", "judge/"))
