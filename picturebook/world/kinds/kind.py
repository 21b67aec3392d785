"""The description of a kind of subject, and the register of all kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from picturebook.world.brush import Brush, Point
from picturebook.world.palette import Color

Anchors = Mapping[str, Point]
"""Positions of accessories in the subject's coordinates: ``head``, ``mouth``, ``neck``, as far as it has them."""

Draw = Callable[[Brush, str, Color], Anchors]


@dataclass(frozen=True)
class Kind:
    """A kind of subject: its drawing, and its words in texts.

    Attributes:
        draw: draws one in a state and colour with the brush, and returns the positions of accessories.
        nouns: singular and plural.
        states: its states, first the plain one; each with phrases where ``{n}`` is the noun and ``{c}`` the colour.
        colors: names of its colours; a kind without a colour of its own has the one entry ``""``.
        size: range of its height, as a fraction of the image's.
        reach: distance from its middle to its foremost point, as a fraction of its height: half the room that it takes.
        shadow: half the width of its shadow, as a fraction of its height.
        accessories: those that it may have.
        counts: possible numbers of subjects in an image.
        relations: possible relations to another thing, by that thing's kind.
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
        """Distance of a ball in front of it, from its middle, as a fraction of its height."""
        return self.reach + 0.08


KINDS: dict[str, Kind] = {}
"""Every kind, by name."""


def kind(nouns: str, **entry: object) -> Callable[[Draw], Draw]:
    """Return a decorator that registers a drawing function under the function's name.

    Args:
        nouns: singular and plural: ``"dog dogs"``.
        entry: the other fields of :class:`Kind`.
    """

    def register(draw: Draw) -> Draw:
        one, several = nouns.split()
        KINDS[draw.__name__] = Kind(draw=draw, nouns=(one, several), **entry)  # type: ignore[arg-type]
        return draw

    return register
