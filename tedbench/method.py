"""The contract of an editing method: fit a pair once, then sample along the strength axis with many seeds."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar, Literal, NamedTuple, Self, TypedDict

import numpy as np

from tedbench.errors import PairError, UserError
from tedbench.pair import EditPair, Entry

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
        fixed: whether there is one strength only, whose number says nothing.
    """

    name: str
    symbol: str
    grid: tuple[float, ...]
    identity: float | None = None
    fixed: bool = False

    def label(self, strength: float) -> str:
        """Under a picture: "η = 0.7"; of a fixed strength only the symbol."""
        return self.symbol if self.fixed else f"{self.symbol} = {format_strength(strength)}"


class Sample(NamedTuple):
    """One edited image: (size, size, 3) uint8 RGB in the pair's geometry."""

    strength: float
    seed: int
    image: np.ndarray


class Origin(NamedTuple):
    """Where an image comes from that the method does not make itself.

    Attributes:
        digest: of its file's content; "missing" where there is none.
        size: (width, height) of the picture in the file, once it is read.
        geometry: how the picture is brought to the pair's square, once it is.
    """

    digest: str
    size: tuple[int, int] | None = None
    geometry: str = ""


Origins = Mapping[tuple[float, int], Origin]
"""Of a pair's images, by (strength, seed)."""


class Facts(TypedDict, total=False):
    """What an :class:`Edit` reports of itself, under the same keys for every method; each where there is such a thing.

    Attributes:
        sample_fits: how many fits were made while sampling, one for each seed.
        sample_fit_s: seconds of the sampling that these took.
        sample_batch: how many images were sampled at once, where memory was too small for what was asked.
        resized_from: by file name, the size of each image made elsewhere that was brought to the pair's size.
        other_shape: by file name, the sizes of such an image and its input where these differ in shape, and how it was cut.
    """

    sample_fits: int
    sample_fit_s: float
    sample_batch: int
    resized_from: dict[str, str]
    other_shape: dict[str, dict[str, str]]


class Edit(ABC):
    """One fitted pair, holding what was expensive until it is closed. Use it in a ``with`` statement."""

    @abstractmethod
    def sample(self, requests: Sequence[tuple[float, int]], progress: Progress = silent) -> Iterator[Sample]:
        """Yields the edited image of each (strength, seed), in the order of ``requests``.

        Raises:
            PairError: what this pair cannot give; what was yielded before is good.
        """

    def facts(self) -> Facts:
        """Return what a run should write down of this pair beside its images, once they are sampled; plain JSON values."""
        return {}

    def origins(self) -> dict[tuple[float, int], Origin]:
        """As :meth:`Editor.origins` when the pair was fitted; sizes are known of what was sampled."""
        return {}

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
        randomness: where its seed acts: nowhere, in the fit (a new seed is a new fit, which sampling makes when it is first
            asked for that seed), or in sampling.
        needs: what of an :class:`~tedbench.pair.Entry` it needs that not every pair has, such as "source_text".
        digest: of the files that its images come from beside the diffusion model's; None where there are none.
        elsewhere: whether its images are files that somebody else made (:meth:`origins`), and so may change at any time.
        group: how many pairs, neighbours in the dataset's order, it may fit at once; 1 is each by itself.
        beside: gives a pair's group, the pair itself among them; None stands for one that cannot be read. Whoever edits
            a dataset in groups sets it; without it a pair is its group.
    """

    axis: Axis
    randomness: ClassVar[Literal["none", "fit", "sample"]]
    needs: tuple[str, ...] = ()
    digest: str | None = None
    elsewhere: ClassVar[bool] = False
    group: int = 1
    beside: Callable[[EditPair], Sequence[EditPair | None]] | None = None

    @abstractmethod
    def fit(self, pair: EditPair, progress: Progress = silent) -> Edit:
        """Does all that does not depend on the strength. One :class:`Edit` is open at a time.

        Raises:
            PairError: this pair lacks what the method needs.
        """

    def requests(self, strengths: Sequence[float] | None, seeds: Sequence[int]) -> list[tuple[float, int]]:
        """What of a sweep the method can make, in the order of :func:`grid`; None is the axis's own strengths.

        A method without randomness makes one image a strength, under seed 0, whatever seeds are asked.

        Raises:
            UserError: as :func:`grid`, or a strength that the method does not have.
        """
        found = grid(list(self.axis.grid) if strengths is None else strengths, seeds)
        return found if self.randomness != "none" else [(s, 0) for s in dict.fromkeys(s for s, _ in found)]

    def check(self, entries: Sequence[Entry]) -> None:
        """Refuses, before the first long step, a dataset of which no pair could be edited.

        Raises:
            UserError: every pair lacks something of ``needs``.
        """
        if all(self._lacks(entry) for entry in entries):
            what = " and ".join(self._lacks(entries[0]))
            raise UserError(f"{type(self).__name__} needs {what}, and none of the {len(entries)} pairs has it. {_GIVE}")

    def origins(self, entry: Entry) -> dict[tuple[float, int], Origin]:
        """The files of a pair by (strength, seed) as they are now; empty for a method that makes its images.

        A run keeps their digests: an image whose file has another one since is made again.
        """
        return {}

    def require(self, entry: Entry) -> None:
        """What ``fit`` begins with.

        Raises:
            PairError: the pair lacks something of ``needs``.
        """
        if lacks := self._lacks(entry):
            what = " and ".join(lacks)
            raise PairError(f"{type(self).__name__} needs {what}, which the pair {entry.id} lacks. {_GIVE}")

    def _lacks(self, entry: Entry) -> list[str]:
        return [name for name in self.needs if not (getattr(entry, name) or "").strip()]


_GIVE = (
    "Give dataset=tedbench a dataset.annotations=FILE, or the list of dataset=folder such columns, "
    "and repeat the command if the run is there already."
)


def grid(strengths: Sequence[float], seeds: Sequence[int]) -> list[tuple[float, int]]:
    """Every (strength, seed), strengths slowest, both ascending: the fixed order that runs use.

    Strengths are rounded by :func:`rounded_strength`.

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
    return [(strength, seed) for strength in sorted(map(rounded_strength, strengths)) for seed in sorted(seeds)]


def rounded_strength(strength: float) -> float:
    """The number that :func:`format_strength` writes: 0.1 + 0.2 → 0.3.

    Wherever strengths come in (options, lists, saved tables) they are rounded, so that what is written alike is one
    strength.
    """
    return float(f"{strength:.6g}") + 0.0  # -0.0 is 0.0


def format_strength(strength: float) -> str:
    """As in file names and tables, to six digits: 0.7 → "0.7", 1.0 → "1"."""
    return f"{rounded_strength(strength):.6g}"
