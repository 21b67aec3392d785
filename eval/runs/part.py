"""A part of a run's pairs, for several commands that share its folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

Item = TypeVar("Item")


class Part(NamedTuple):
    """Part ``number`` of ``total``, counted from 1; the default is all pairs."""

    number: int = 1
    total: int = 1

    def __str__(self) -> str:
        return "all pairs" if self.whole else f"part {self.number} of {self.total}"

    @property
    def whole(self) -> bool:
        """True if this is all pairs."""
        return self.total == 1

    def of(self, items: Sequence[Item]) -> list[Item]:
        """Return every ``total``-th item, from the ``number``-th on."""
        return list(items[self.number - 1 :: self.total])

    def overlaps(self, other: Part) -> bool:
        """Return True if both may contain the same pair; parts of different totals do."""
        return self.total != other.total or self.number == other.number
