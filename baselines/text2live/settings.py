"""What a recipe says, block by block; values and their sources are in ``conf/recipe/text2live``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import Field

from tedbench.settings import Amount, Count, Natural, Share, checked_block, kinds_of

Block = TypeVar("Block")
Part = Annotated[float, Field(ge=0.01, le=1)]
Scale = Annotated[float, Field(ge=0.01)]


@dataclass(frozen=True)
class Optimisation:
    """``steps`` of MADGRAD (arXiv 2101.11075); after each the rate is ``decay`` of what it was, down to ``min_lr``."""

    steps: Count
    lr: Amount
    momentum: Share
    weight_decay: Amount
    decay: Share
    min_lr: Amount


@dataclass(frozen=True)
class Shape:
    """Of the generator: how often it halves the picture, its channels, and those of its skips."""

    scales: Count
    width: Count
    skip: Count


@dataclass(frozen=True)
class Augmentation:
    """Of the input: probabilities of a colour jitter and a flip, ranges of scale and crop.

    Every ``whole_every``-th step also takes the input as it is.
    """

    jitter: Share
    flip: Share
    scale_min: Scale
    scale_max: Scale
    crop: Part
    whole_every: Count


@dataclass(frozen=True)
class Views:
    """How many views CLIP gets of a picture, and the smallest part of a side that one shows."""

    count: Count
    crop: Part


@dataclass(frozen=True)
class Weights:
    """Of the terms of the objective; ``l1`` and ``l0`` weigh within ``sparsity``."""

    composite: Amount
    screen: Amount
    structure: Amount
    sparsity: Amount
    l1: Amount
    l0: Amount


@dataclass(frozen=True)
class Bootstrap:
    """α is drawn to where CLIP sees the source object: for so many ``steps``, with a weight that falls to 0.

    ``blocks``: how many of CLIP's last blocks tell the relevancy.
    """

    steps: Natural
    weight: Amount
    blocks: Count


def read(kind: type[Block], name: str, given: Mapping[str, Any]) -> Block:
    """A block of a recipe.

    Raises:
        UserError: a setting that is missing, unknown, or out of its range.
    """
    return kind(**checked_block(f"Text2LIVE's {name}", given, **kinds_of(kind)))
