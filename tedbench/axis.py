"""The scale of a method's strength, and the strengths of a sweep on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tedbench.errors import UserError


@dataclass(frozen=True)
class Axis:
    """A method's strength.

    Attributes:
        name: column and file name ("eta").
        symbol: for figures ("η").
        grid: the strengths of a default sweep, ascending.
        identity: the strength that returns the input, or None.
        fixed: True if there is one strength only, whose number has no meaning.
        least, most: the range of strengths, inclusive; None without a bound.
        above: True if a strength must be greater than ``least``.
    """

    name: str
    symbol: str
    grid: tuple[float, ...]
    identity: float | None = None
    fixed: bool = False
    least: float | None = None
    most: float | None = None
    above: bool = False

    def require(self, strength: float, method: str, option: str = "") -> None:
        """Refuse a strength out of the axis's range.

        Raises:
            UserError: says the range, and the option that the strength was given with, if any.
        """
        low = self.least is not None and (strength <= self.least if self.above else strength < self.least)
        if low or (self.most is not None and strength > self.most):
            bounds = [] if self.least is None else [f"{'above' if self.above else 'at least'} {self.least:g}"]
            bounds += [] if self.most is None else [f"at most {self.most:g}"]
            if option:
                raise UserError(
                    f"{option} has {strength:g}. {method}'s strength is {self.name}, {' and '.join(bounds)}."
                )
            raise UserError(f"{method}'s {self.name} is {strength:g}. It must be {' and '.join(bounds)}.")

    def label(self, strength: float) -> str:
        """Return a caption: "η = 0.7"; for a fixed strength only the symbol."""
        return self.symbol if self.fixed else f"{self.symbol} = {format_strength(strength)}"


def argument_axis(settings: Mapping[str, Any] | None) -> Axis:
    """Return the axis that a setting describes: the argument of a call, or a single strength without a number.

    Args:
        settings: ``argument``, its name or None, and ``values``, the default strengths; None for no argument.
    """
    if not settings or not settings["argument"]:
        return Axis("as_called", "as called", (1.0,), fixed=True)
    name = str(settings["argument"])
    return Axis(name, name, tuple(map(float, settings["values"])))


def grid(strengths: Sequence[float], seeds: Sequence[int], where: str = "") -> list[tuple[float, int]]:
    """Return every (strength, seed), sorted by strength, then by seed: the fixed order that runs use.

    Strengths are rounded by :func:`rounded_strength`. Messages have ``where`` before the options' names: "sweep.".

    Raises:
        UserError: an empty list, a duplicate, or a value that is not a (finite, whole) number.
    """
    from tedbench.settings import checked

    checked(f"{where}strengths", strengths, Sequence[float])
    checked(f"{where}seeds", seeds, Sequence[int])
    for name, values in (("strengths", strengths), ("seeds", seeds)):
        if not values or len({format_strength(v) for v in values}) < len(values):
            raise UserError(f"{where}{name} is {list(values)}. It must have at least one value, and none twice.")
    return [(strength, seed) for strength in sorted(map(rounded_strength, strengths)) for seed in sorted(seeds)]


def rounded_strength(strength: float) -> float:
    """Return the number that :func:`format_strength` writes: 0.1 + 0.2 → 0.3.

    Strengths are rounded wherever they enter (options, lists, saved tables), so that equal texts are equal strengths.
    """
    return float(f"{strength:.6g}") + 0.0  # -0.0 is 0.0


def format_strength(strength: float) -> str:
    """Format a strength for file names and tables, to six digits: 0.7 → "0.7", 1.0 → "1"."""
    return f"{rounded_strength(strength):.6g}"
