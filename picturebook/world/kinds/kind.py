"""What a kind of subject is, and the register of all kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from picturebook.world.brush import Brush, Point
from picturebook.world.palette import Color

Anchors = Mapping[str, Point]
"""Where accessories go, in the subject's coordinates: ``head``, ``mouth``, ``neck``; what it lacks is absent."""

Draw = Callable[[Brush, str, Color], Anchors]


@dataclass(frozen=True)
class Kind:
    """What subjects of one kind look like and how texts speak of them.

    Attributes:
        draw: puts one in a state and colour under the brush, and says where accessories go.
        nouns: of one and of several.
        states: its states, first the plain one; each with phrases where ``{n}`` is the noun and ``{c}`` the colour.
        colors: names of its colours; a kind without a colour of its own has the one entry ``""``.
        size: range of its height, as a part of the picture's.
        reach: from its middle to its foremost point, as a part of its height: half the room that it takes.
        shadow: half the width of its shadow, likewise.
        accessories: what it may wear or have beside it.
        counts: how many of them a picture may have.
        relations: how it may be placed to another thing: that thing's kind, and the relations.
    """

    draw: Draw
    nouns: tuple[str, str]
    states: Mapping[str, tuple[str, ...]]
    colors: tuple[str, ...]
    size: tuple[float, float]
    reach: float
    shadow: float
    accessories: tuple[str, ...] = ()
    counts: tuple[int, ...] = (1,)
    relations: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def ball(self) -> float:
        """Where a ball lies before it, from its middle, as a part of its height."""
        return self.reach + 0.08


KINDS: dict[str, Kind] = {}
"""Every kind there is, by name."""


def kind(nouns: str, **entry: object) -> Callable[[Draw], Draw]:
    """Registers the drawing function that it decorates, under the function's name.

    Args:
        nouns: of one and of several: ``"dog dogs"``.
        entry: the other fields of :class:`Kind`.
    """

    def register(draw: Draw) -> Draw:
        one, several = nouns.split()
        KINDS[draw.__name__] = Kind(draw=draw, nouns=(one, several), **entry)  # type: ignore[arg-type]
        return draw

    return register
