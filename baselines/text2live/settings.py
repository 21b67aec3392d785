"""Blocks of a recipe; values and their sources are in ``conf/recipe/text2live``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import Field

from tedbench.settings import Amount, Count, Natural, Share, checked_block, kinds_of

Settings = TypeVar("Settings")
Part = Annotated[float, Field(ge=0.01, le=1)]
Scale = Annotated[float, Field(ge=0.01)]


@dataclass(frozen=True)
class Optimisation:
    """Settings of MADGRAD (arXiv 2101.11075); each step multiplies the rate by ``decay``, down to ``min_lr``."""

    steps: Count
    lr: Amount
    momentum: Share
    weight_decay: Amount
    decay: Share
    min_lr: Amount


@dataclass(frozen=True)
class Shape:
    """Shape of the generator: number of halvings, its channels, and those of its skips."""

    scales: Count
    width: Count
    skip: Count


@dataclass(frozen=True)
class Augmentation:
    """Augmentation of the input: probabilities of a colour jitter and a flip, ranges of scale and crop.

    Every ``whole_every``-th step also uses the unchanged input.
    """

    jitter: Share
    flip: Share
    scale_min: Scale
    scale_max: Scale
    crop: Part
    whole_every: Count


@dataclass(frozen=True)
class Views:
    """Number of CLIP's views of an image, and the smallest fraction of a side that a view shows."""

    count: Count
    crop: Part


@dataclass(frozen=True)
class Weights:
    """Weights of the terms of the objective; ``l1`` and ``l0`` weigh within ``sparsity``."""

    composite: Amount
    screen: Amount
    structure: Amount
    sparsity: Amount
    l1: Amount
    l0: Amount


@dataclass(frozen=True)
class Bootstrap:
    """Bootstrapping of α towards the region of the source object: for ``steps`` steps, with a weight that falls to 0.

    ``blocks``: number of CLIP's last blocks that the relevancy is computed from.
    """

    steps: Natural
    weight: Amount
    blocks: Count


def read(kind: type[Settings], name: str, given: Mapping[str, Any]) -> Settings:
    """Return a block of a recipe after checking it.

    Raises:
        UserError: a setting that is missing, unknown, or out of its range.
    """
    return kind(**checked_block(f"recipe.text2live.{name}", given, **kinds_of(kind)))


@dataclass(frozen=True)
class Text2LiveRecipe:
    """All blocks of a recipe."""

    optimisation: Optimisation
    generator: Shape
    augmentation: Augmentation
    views: Views
    losses: Weights
    bootstrap: Bootstrap

    @classmethod
    def of(
        cls,
        optimisation: Mapping[str, Any],
        generator: Mapping[str, Any],
        augmentation: Mapping[str, Any],
        views: Mapping[str, Any],
        losses: Mapping[str, Any],
        bootstrap: Mapping[str, Any],
    ) -> Text2LiveRecipe:
        """Check blocks of settings.

        Raises:
            UserError: see :func:`read`.
        """
        return cls(
            read(Optimisation, "optimisation", optimisation),
            read(Shape, "generator", generator),
            read(Augmentation, "augmentation", augmentation),
            read(Views, "views", views),
            read(Weights, "losses", losses),
            read(Bootstrap, "bootstrap", bootstrap),
        )
