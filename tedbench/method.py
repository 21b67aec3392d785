"""The contract of an editing method: fit a pair once, then sample along the strength axis with many seeds."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Self, TypedDict

from tedbench.axis import Axis, format_strength, grid
from tedbench.errors import PairError, UserError
from tedbench.pair import EditPair, Entry

if TYPE_CHECKING:
    import numpy as np

    from tedbench.geometry import Returned

Progress = Callable[[str, int, int], None]
"""Called with ``(stage, step, steps)`` during a long stage."""


def silent(stage: str, step: int, steps: int) -> None:
    """Report nothing: the default :data:`Progress`."""


class Sample(NamedTuple):
    """One edited image: (size, size, 3) uint8 RGB in the pair's geometry."""

    strength: float
    seed: int
    image: np.ndarray


class Origin(NamedTuple):
    """The file of an image that the method does not make itself.

    Attributes:
        digest: of its file's content; "missing" if there is none.
        size: (width, height) of the image in the file, once it is read.
        geometry: the way in which the image was brought to the pair's square, once it was.
    """

    digest: str
    size: tuple[int, int] | None = None
    geometry: str = ""


Origins = Mapping[tuple[float, int], Origin]
"""Origins of a pair's images, by (strength, seed)."""


class Facts(TypedDict, total=False):
    """Facts that an :class:`Edit` reports, under the same keys for every method; each only if it applies.

    Attributes:
        sample_fits: number of fits that were made while sampling, one for each seed.
        sample_fit_s: seconds of the sampling that these took.
        sample_s: seconds of the sampling, by methods that sample several pairs together.
        sample_batch: number of images sampled at once.
        sample_evaluations: of the method's network in the sampling, see :attr:`Editor.evaluations`.
        resized_from: by file name, the size of each image made elsewhere that was brought to the pair's size.
        other_shape: by file name, the sizes of such an image and its input if these differ in shape, and how it was
            cut.
        service_models: the models that a service said it was.
        kept_answers: number of images that were a service's kept answers.
    """

    sample_fits: int
    sample_fit_s: float
    sample_s: float
    sample_batch: int
    sample_evaluations: int
    resized_from: dict[str, str]
    other_shape: dict[str, dict[str, str]]
    service_models: list[str]
    kept_answers: int


class Edit(ABC):
    """One fitted pair, which holds costly state until it is closed. Use it in a ``with`` statement."""

    @abstractmethod
    def sample(self, requests: Sequence[tuple[float, int]], progress: Progress = silent) -> Iterator[Sample]:
        """Yield the edited image of each (strength, seed), in the order of ``requests``.

        Raises:
            PairError: an image cannot be made; those yielded before are valid.
        """

    def facts(self) -> Facts:
        """Return facts for the run's record beside the images, once they are sampled; plain JSON values."""
        return {}

    def returned(self) -> dict[tuple[float, int], Returned]:
        """Return the form of each image so far, by (strength, seed), of an editor that chooses the size itself."""
        return {}

    def origins(self) -> dict[tuple[float, int], Origin]:
        """Return :meth:`Description.origins` at the time of the fit; sizes are known only for sampled images."""
        return {}

    def close(self) -> None:  # noqa: B027  (many methods hold nothing)
        """Release everything that the fit holds, and restore the editor's state from before it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Files(ABC):
    """Edited images made elsewhere, as far as they are known before any is read.

    Attributes:
        keys: every (strength, seed) that some pair has, ascending.
    """

    keys: Sequence[tuple[float, int]]

    @abstractmethod
    def origins(self, entry: Entry) -> dict[tuple[float, int], Origin]:
        """Return the present file of each (strength, seed) of a pair."""

    @abstractmethod
    def check(self, entries: Sequence[Entry]) -> None:
        """Report missing and suspicious files before the first pair, as warnings.

        Raises:
            UserError: no pair has any file, or the files cannot be the intended ones.
        """


Randomness = Literal["none", "fit", "sample"]
"""Effect of a method's seed: none, on the fit (a new seed is a new fit), or on sampling."""

NeedsIf = Mapping[str, Mapping[Any, tuple[str, ...]]]
"""Needs of a method for one value of a setting each, by the setting's dotted name and the value."""


def needs_with(needs: tuple[str, ...], needs_if: NeedsIf, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the fields of a pair that a method needs with its settings, see :attr:`Editor.needs_if`."""
    found = list(needs)
    for dotted, by_value in needs_if.items():
        value: Any = settings
        for key in dotted.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        found += by_value.get(value, ()) if isinstance(value, Hashable) else ()
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class Description:
    """A method with its settings, as far as it is known without loading weights.

    Attributes:
        name: for messages.
        axis: its strength.
        randomness: the effect of its seed.
        needs: fields of :class:`~tedbench.pair.Entry` that it needs and not every pair has, such as "source_text".
        group: number of consecutive pairs of the dataset that it fits together; 1 fits each pair by itself.
        digest: of the files that its images depend on besides the diffusion model's; None if there are none.
        files: the edited images, if they were made elsewhere; they may change at any time.
        takes_model: True if it works on a generative model.
        keeps_fits: True if its fits can be kept on disk.
        shares: True if images of several pairs can be made in one batch, see :attr:`Editor.shares`.
    """

    name: str
    axis: Axis
    randomness: Randomness
    needs: tuple[str, ...] = ()
    group: int = 1
    digest: str | None = None
    files: Files | None = None
    takes_model: bool = False
    keeps_fits: bool = False
    shares: bool = False

    def requests(
        self, strengths: Sequence[float] | None, seeds: Sequence[int], where: str = "sweep."
    ) -> list[tuple[float, int]]:
        """Return the requests of a sweep, in the order of :func:`grid`.

        A strength or seed that the method cannot make is refused, not dropped. A method without randomness makes one
        image for each strength, under seed 0, whatever the seeds. The same holds for images made elsewhere whose files
        have no seed.

        Args:
            strengths: of the sweep; None for the axis's own grid.
            seeds: of the sweep.
            where: the beginning of their options' names, for messages.

        Raises:
            UserError: see :func:`grid` and :meth:`Axis.require`; or no pair has a file of a strength, or of a seed. The
                two are checked separately: a (strength, seed) may be missing although both occur.
        """
        found = grid(list(self.axis.grid) if strengths is None else strengths, seeds, where)
        for strength, _ in found:
            self.axis.require(strength, self.name, f"{where}strengths")
        if self.randomness == "none" or (self.files and {seed for _, seed in self.files.keys} == {0}):
            found = [(strength, 0) for strength in dict.fromkeys(strength for strength, _ in found)]
        if self.files:
            _require_files(found, self.files.keys)
        return found

    def check(self, entries: Sequence[Entry]) -> None:
        """Refuse, before the first long step, a dataset without any pair that could be edited.

        Raises:
            UserError: every pair lacks something of ``needs``; or see :meth:`Files.check`.
        """
        if all(self.lacks(entry) for entry in entries):
            what = " and ".join(self.lacks(entries[0]))
            raise UserError(f"{self.name} needs {what}, and none of the {len(entries)} pairs has it. {_GIVE}")
        if self.files:
            self.files.check(entries)

    def origins(self, entry: Entry) -> dict[tuple[float, int], Origin]:
        """Return a pair's files by (strength, seed) as they are now; empty for a method that makes its images.

        A run keeps their digests: an image whose file has changed since is made again.
        """
        return self.files.origins(entry) if self.files else {}

    def lacks(self, entry: Entry) -> list[str]:
        """Return the fields of ``needs`` that a pair does not have."""
        return _lacking(self.needs, entry)


def _lacking(needs: Sequence[str], entry: Entry) -> list[str]:
    return [name for name in needs if not (getattr(entry, name) or "").strip()]


def _require_files(requests: Sequence[tuple[float, int]], keys: Sequence[tuple[float, int]]) -> None:
    for what, i in (("strengths", 0), ("seeds", 1)):
        have = sorted({key[i] for key in keys})
        if wrong := [key[i] for key in requests if key[i] not in have]:
            known = ",".join(map(format_strength, have))
            raise UserError(f"There is no precomputed image of sweep.{what} {wrong[0]:g}. Give sweep.{what}=[{known}].")


class Editor(ABC):
    """A method, built with its weights. The result for a pair is the same whether it ran alone or with others.

    A subclass sets the attributes that hold for all settings as class attributes, and those that depend on settings in
    :meth:`describe`, which loads nothing.

    Attributes:
        axis: its strength.
        randomness: the effect of its seed.
        needs: fields of :class:`~tedbench.pair.Entry` that it needs and not every pair has, such as "source_text".
        needs_if: further ones that it needs if a setting has a value: ``{"variant.e_opt": {"source": ("source_text",)}}``.
        shares: True if edits of several pairs can be open at once and :meth:`sample_together` makes their images together.
        cost: network evaluations with guidance for lists, a pair's and then an image's: "N + 2N" for N steps of sampling;
            n is the number of draws of a fit, and s the strength. See :attr:`evaluations` for what a run really took.
    """

    axis: ClassVar[Axis]
    randomness: ClassVar[Randomness]
    needs: tuple[str, ...] = ()
    needs_if: ClassVar[NeedsIf] = {}
    shares: ClassVar[bool] = False
    cost: ClassVar[str] = ""

    @property
    def evaluations(self) -> int:
        """Number of images that went through the method's network so far, by methods that have one."""
        return 0

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        """Describe the method without loading weights.

        Args:
            settings: for its constructor, without those that are passed separately, such as ``model`` and ``seed``.

        Raises:
            UserError: a setting is out of its range.
        """
        takes = inspect.signature(cls).parameters
        return Description(
            cls.__name__,
            cls.axis,
            cls.randomness,
            needs_with(cls.needs, cls.needs_if, settings),
            takes_model="model" in takes,
            keeps_fits="fits" in takes,
            shares=cls.shares,
        )

    @classmethod  # noqa: B027
    def check_setup(cls, settings: Mapping[str, Any], model: Mapping[str, Any]) -> None:
        """Refuse settings that cannot work here, before weights are loaded and anything is written.

        Args:
            settings: see :meth:`describe`.
            model: settings of the model; empty for a method that takes none.

        Raises:
            UserError: says which.
        """

    @abstractmethod
    def fit(self, pair: EditPair, progress: Progress = silent) -> Edit:
        """Do all that does not depend on the strength. Only a method that shares has several edits open at a time.

        Raises:
            PairError: this pair lacks what the method needs.
        """

    def fit_together(self, pairs: Sequence[EditPair], progress: Progress = silent) -> list[Edit | PairError]:
        """Fit several pairs of a method that shares, in one pass if it can.

        Returns:
            For each pair its edit, or the error that :meth:`fit` would raise.
        """
        found: list[Edit | PairError] = []
        for pair in pairs:
            try:
                found.append(self.fit(pair, progress))
            except PairError as error:
                found.append(error)
        return found

    def sample_together(
        self, edits: Sequence[tuple[Edit, Sequence[tuple[float, int]]]], progress: Progress = silent
    ) -> Iterator[tuple[int, Sample | Exception]]:
        """Yield the images of several edits, in any order, each with the number of its edit.

        An image that cannot be made may be an error in its place, if that concerns no other.

        Args:
            edits: open edits and the (strength, seed) of each.
            progress: called with the number of images done.
        """
        for number, (edit, requests) in enumerate(edits):
            for sample in edit.sample(requests, progress):
                yield number, sample

    def awaits_group(self, pair: EditPair) -> bool:
        """Return True if :meth:`fit_group` must be called with the pair's group before it is fitted."""
        return False

    def fit_group(self, pairs: Sequence[EditPair | None], progress: Progress = silent) -> None:  # noqa: B027
        """Do what the fits of a group of pairs share (see :attr:`Description.group`).

        Args:
            pairs: the whole group in the dataset's order; None for one that cannot be read.
            progress: told of each step.

        Raises:
            PairError: the group does not fit into memory.
        """

    def require(self, entry: Entry) -> None:
        """Refuse a pair that lacks what the method needs; ``fit`` begins with it.

        Raises:
            PairError: the pair lacks something of ``needs``.
        """
        if lacks := _lacking(self.needs, entry):
            what = " and ".join(lacks)
            raise PairError(f"{type(self).__name__} needs {what}, which the pair {entry.id} lacks. {_GIVE}")


_GIVE = (
    "Give dataset=tedbench a dataset.annotations=FILE, or the list of dataset=folder such columns, "
    "and repeat the command if the run is there already."
)
