"""The contract of an editing method: fit a pair once, then sample along the strength axis with many seeds."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar, Literal, NamedTuple, Self

import numpy as np

from tedbench.errors import UserError
from tedbench.pair import EditPair

Progress = Callable[[str, int, int], None]
"""Told ``(stage, step, steps)`` while a long stage goes on."""


def silent(stage: str, step: int, steps: int) -> None:
    """The :data:`Progress` that nobody watches."""


@dataclass(frozen=True)
class Axis:
    """A method's strength.

    Attributes:
        name: column and file name ("eta").
        symbol: for figures ("η").
        grid: the strengths of a default sweep, ascending.
        identity: the strength that returns the input, or None.
    """

    name: str
    symbol: str
    grid: tuple[float, ...]
    identity: float | None = None


class Sample(NamedTuple):
    """One edited image: (size, size, 3) uint8 RGB in the pair's geometry."""

    strength: float
    seed: int
    image: np.ndarray


class Edit(ABC):
    """One fitted pair, holding what was expensive until it is closed. Use it in a ``with`` statement."""

    @abstractmethod
    def sample(self, requests: Sequence[tuple[float, int]], progress: Progress = silent) -> Iterator[Sample]:
        """Yields the edited image of each (strength, seed), in the order of ``requests``."""

    def close(self) -> None:  # noqa: B027  (many methods hold nothing)
        """Gives back what the fit holds; the editor is then as it was before."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Editor(ABC):
    """A method. The result for a pair is the same whether it ran alone or after others.

    Attributes:
        axis: what its strength is.
        randomness: where its seed acts: nowhere, in the fit (a new seed needs a new fit), or in sampling.
    """

    axis: Axis
    randomness: ClassVar[Literal["none", "fit", "sample"]]

    @abstractmethod
    def fit(self, pair: EditPair, progress: Progress = silent) -> Edit:
        """Does all that does not depend on the strength. One :class:`Edit` is open at a time."""


def grid(strengths: Sequence[float], seeds: Sequence[int]) -> list[tuple[float, int]]:
    """Every (strength, seed), strengths slowest, both ascending: the fixed order that runs use.

    Raises:
        UserError: an empty list, a value twice, or what is no (finite, whole) number.
    """
    for name, values, kinds in (("strengths", strengths, (int, float)), ("seeds", seeds, (int,))):
        kind = "finite numbers" if float in kinds else "whole numbers"
        if not isinstance(values, Sequence) or isinstance(values, str):
            raise UserError(f"{name} is {values!r}. It must be a list of {kind}, such as [0,1].")
        wrong = [v for v in values if isinstance(v, bool) or not isinstance(v, kinds) or not math.isfinite(v)]
        if wrong:
            raise UserError(f"{name} has {wrong[0]!r}. It must be a list of {kind}, such as [0,1].")
        if not values or len({format_strength(v) for v in values}) < len(values):
            raise UserError(f"{name} is {list(values)}. It must have at least one value, and none twice.")
    return [(float(strength), seed) for strength in sorted(strengths) for seed in sorted(seeds)]


def format_strength(strength: float) -> str:
    """As in file names and tables, to six digits: 0.7 → "0.7", 1.0 → "1"."""
    return f"{strength:.6g}"
