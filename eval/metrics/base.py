"""The contract of a metric: a pure function with an identity and a card."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

import numpy as np

from eval.runs.cards import READINGS, Kind, MetricCard, Reading


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

    The attributes but ``name`` and ``kind`` have defaults. Together they are the metric's :attr:`card`, which a run keeps,
    and from which tables, figures and reports know how to show the scores.

    Attributes:
        name: says backbone, weights and size; names the column. Two metrics with one name give the same numbers.
        kind: whether it measures alignment to the text, fidelity to the input or likeness to the true edited image, or
            judges (0 or 1).
        heading: of the score in tables and figures; the name where it is empty.
        higher_is_better: False for a distance, which is shown as 1 − score.
        bounds: least and greatest score; None where there is no such bound.
        share: whether each score is 0 or 1, so that means are shown in percent; always so of a judgement.
        rank: order among the metrics of its kind; figures show the first.
        synthetic: whether it was made for drawn pictures and means nothing on photographs.
        reads: the parts of a pair beside input and target text on which scores depend ("source_text", "truth"). When one
            of them is corrected in a dataset, the scores are measured again.
        about: a sentence for the legend of a report.
    """

    name: str
    kind: ClassVar[Kind]
    heading: str = ""
    higher_is_better: bool = True
    bounds: tuple[float | None, float | None] = (None, None)
    share: bool = False
    rank: int = 100
    synthetic: bool = False
    reads: tuple[Reading, ...] = READINGS
    about: str = ""

    @property
    def card(self) -> MetricCard:
        """What a run keeps of the metric.

        Raises:
            UserError: an attribute is none that a metric can have.
        """
        kind: Any = getattr(self, "kind", None)  # a class that forgot it is refused by the card
        return MetricCard(
            self.name,
            kind,
            self.heading or self.name,
            higher_is_better=self.higher_is_better,
            bounds=self.bounds,
            share=self.share or kind == "judgement",
            partial=type(self).unscored is not Metric.unscored,
            rank=self.rank,
            synthetic=self.synthetic,
            reads=tuple(self.reads),
            about=self.about,
        )

    def unscored(self, reference: Reference) -> str | None:
        """Return why the metric cannot score a pair ("no source text"); None where it can.

        Tables take a metric that overrides this for one that lacks some of the images.
        """
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
