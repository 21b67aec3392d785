"""Blocks of a recipe; values and their sources are in ``conf/recipe/text2live``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from imagic.settings import checked
from tedbench.errors import UserError

Settings = TypeVar("Settings")


def _from(least: float, most: float | None = None) -> Any:
    """Declare a number in this range; whole if ``least`` is whole."""
    return field(metadata={"least": least, "most": most})


@dataclass(frozen=True)
class Optimisation:
    """Settings of MADGRAD (arXiv 2101.11075); each step multiplies the rate by ``decay``, down to ``min_lr``."""

    steps: int = _from(1)
    lr: float = _from(0.0)
    momentum: float = _from(0.0, 1.0)
    weight_decay: float = _from(0.0)
    decay: float = _from(0.0, 1.0)
    min_lr: float = _from(0.0)


@dataclass(frozen=True)
class Shape:
    """Shape of the generator: number of halvings, its channels, and those of its skips."""

    scales: int = _from(1)
    width: int = _from(1)
    skip: int = _from(1)


@dataclass(frozen=True)
class Augmentation:
    """Augmentation of the input: probabilities of a colour jitter and a flip, ranges of scale and crop.

    Every ``whole_every``-th step also uses the unchanged input.
    """

    jitter: float = _from(0.0, 1.0)
    flip: float = _from(0.0, 1.0)
    scale_min: float = _from(0.01)
    scale_max: float = _from(0.01)
    crop: float = _from(0.01, 1.0)
    whole_every: int = _from(1)


@dataclass(frozen=True)
class Views:
    """Number of CLIP's views of an image, and the smallest fraction of a side that a view shows."""

    count: int = _from(1)
    crop: float = _from(0.01, 1.0)


@dataclass(frozen=True)
class Weights:
    """Weights of the terms of the objective; ``l1`` and ``l0`` weigh within ``sparsity``."""

    composite: float = _from(0.0)
    screen: float = _from(0.0)
    structure: float = _from(0.0)
    sparsity: float = _from(0.0)
    l1: float = _from(0.0)
    l0: float = _from(0.0)


@dataclass(frozen=True)
class Bootstrap:
    """Bootstrapping of α towards the region of the source object: for ``steps`` steps, with a weight that falls to 0.

    ``blocks``: number of CLIP's last blocks that the relevancy is computed from.
    """

    steps: int = _from(0)
    weight: float = _from(0.0)
    blocks: int = _from(1)


def read(kind: type[Settings], name: str, given: Mapping[str, Any]) -> Settings:
    """Return a block of a recipe after checking it.

    Raises:
        UserError: a setting that is missing, unknown, or out of its range.
    """
    ranges = {f.name: f.metadata for f in fields(kind)}  # type: ignore[arg-type]
    block = checked(f"Text2LIVE's {name}", given, **{key: r["least"] for key, r in ranges.items()})
    for key, value in block.items():
        least, most = ranges[key]["least"], ranges[key]["most"]
        if most is not None and value > most:
            raise UserError(f"Text2LIVE's {name}.{key} is {value!r}. It must be a number from {least:g} to {most:g}.")
    return kind(**block)


@dataclass(frozen=True)
class Recipe:
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
        size: int | None,
        optimisation: Mapping[str, Any],
        generator: Mapping[str, Any],
        augmentation: Mapping[str, Any],
        views: Mapping[str, Any],
        losses: Mapping[str, Any],
        bootstrap: Mapping[str, Any],
    ) -> Recipe:
        """Check blocks of settings, and the side at which the layer is painted.

        Raises:
            UserError: see :func:`read`; or ``size`` is neither None nor a whole number from 1.
        """
        if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
            raise UserError(f"Text2LIVE's size is {size!r}. It must be a whole number from 1, or null.")
        return cls(
            read(Optimisation, "optimisation", optimisation),
            read(Shape, "generator", generator),
            read(Augmentation, "augmentation", augmentation),
            read(Views, "views", views),
            read(Weights, "losses", losses),
            read(Bootstrap, "bootstrap", bootstrap),
        )
