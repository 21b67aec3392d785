"""The contract of a metric: a pure function with an identity and a card."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

import numpy as np

from eval.runs.cards import READINGS, Kind, MetricCard, Reading, check_kind
from tedbench.errors import UserError


class Reference(NamedTuple):
    """The reference of a pair's edited images.

    Attributes:
        image: the input, (size, size, 3) uint8.
        target_text: description of the wanted edited image.
        source_text: description of the input, if there is one.
        truth: the true edit if it is known, (size, size, 3) uint8.
    """

    image: np.ndarray
    target_text: str
    source_text: str | None = None
    truth: np.ndarray | None = None


class Metric(ABC):
    """A pure function of images and texts with an identity.

    All attributes except ``name`` and ``kind`` have defaults. Together they form the metric's :attr:`card`, which is
    kept with a run and tells tables, figures and reports how to show the scores.

    Attributes:
        name: name of the column, with backbone, weights and size. Metrics with equal names give equal numbers.
        kind: "alignment" with the target text, "fidelity" to the input, similarity to the true edit ("truth"),
            "judgement" (0 or 1), or a movement of the whole picture ("geometry").
        heading: heading in tables and figures; empty for the name.
        higher_is_better: False for a distance, which is shown as 1 − score.
        bounds: minimum and maximum of the score; None for no bound.
        share: True if each score is 0 or 1, so that means are shown in percent; always true of a judgement.
        partial: True if some images may have no score; always true of a metric that overrides :meth:`unscored`.
        pixelwise: True if pixels, or features at their places, are compared, so that a zoom or shift of the whole picture counts as a change.
        rank: order among the metrics of its kind; figures show the first.
        synthetic: True if it was made for drawn pictures and is meaningless on photographs.
        reads: parts of a pair besides input and target text on which scores depend ("source_text", "truth"); after a
            correction of one of them the pair is scored again.
        about: a sentence for the legend of a report.
    """

    name: str
    kind: ClassVar[Kind]
    heading: str = ""
    higher_is_better: bool = True
    bounds: tuple[float | None, float | None] = (None, None)
    share: bool = False
    partial: bool = False
    pixelwise: bool = False
    rank: int = 100
    synthetic: bool = False
    reads: tuple[Reading, ...] = READINGS
    about: str = ""

    @property
    def card(self) -> MetricCard:
        """The metric's properties, which are kept with a run.

        Raises:
            UserError: ``kind`` is missing, or ``kind`` or ``reads`` has an invalid value.
        """
        kind: Any = getattr(self, "kind", None)  # a missing kind is refused by the card
        return MetricCard(
            self.name,
            kind,
            self.heading or self.name,
            higher_is_better=self.higher_is_better,
            bounds=self.bounds,
            share=self.share or kind == "judgement",
            partial=self.partial or type(self).unscored is not Metric.unscored,
            pixelwise=self.pixelwise,
            rank=self.rank,
            synthetic=self.synthetic,
            reads=tuple(self.reads),
            about=self.about,
        )

    @classmethod
    def check_class(cls) -> None:
        """Refuse a class that is not complete.

        Raises:
            UserError: ``kind`` is missing or has an invalid value, or there is no ``score``.
        """
        name = f"{cls.__module__}.{cls.__qualname__}"
        check_kind(name, getattr(cls, "kind", None))
        if cls.__abstractmethods__:
            raise UserError(f"The metric {name} has no method {', '.join(sorted(cls.__abstractmethods__))}. Write it.")

    def unscored(self, reference: Reference) -> str | None:
        """Return the reason why the metric does not apply to a pair ("no source text"); None if it applies.

        A metric that overrides this is marked as ``partial``: tables expect that it lacks some of the images.
        """
        return None

    @abstractmethod
    def score(self, reference: Reference, images: np.ndarray) -> np.ndarray:
        """Return raw scores, (N,) float64, of edited images, (N, size, size, 3) uint8; NaN if there is none.

        Raises:
            TypeError, ValueError: see :func:`check_images`.
            PairError: the metric cannot measure images of this size.
        """


def check_images(reference: Reference, images: np.ndarray) -> None:
    """Refuse arrays that would give plausible but wrong scores.

    Raises:
        TypeError: images are not (N, H, W, 3) uint8.
        ValueError: the edited images differ in size from the input or the true edit.
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
