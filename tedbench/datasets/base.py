"""The base of all datasets: a list of entries, and the reading of one entry's images."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import copy
from difflib import SequenceMatcher
from pathlib import Path
from typing import ClassVar, Self
from unicodedata import normalize

import numpy as np

from tedbench.errors import ImageError, UserError
from tedbench.geometry import mask_square, size_of
from tedbench.image import square
from tedbench.pair import EditPair, Entry, pair_id


class Dataset(ABC):
    """Pairs in a fixed order. Images are read one at a time, on demand.

    Attributes:
        name: in run folders and tables.
        synthetic: True if figures must say that this is not a benchmark of photographs.
        licence: of its images, by its name on Hugging Face's hub; None if none is stated.
        entries: its pairs, after ``limit`` and ``ids``.
        size: side of the pairs' canonical square in pixels.
        listed: the ids of all its pairs, without ``limit`` and ``ids``.
        list_file: the list of pairs, if it is a file of the user's own.
        has_truths: True if a pair may have a true edit. If not, each input is checked once for all its pairs.
    """

    name: ClassVar[str]
    synthetic: ClassVar[bool] = False
    licence: ClassVar[str | None] = None
    list_file: Path | None = None
    has_truths: bool = True

    def __init__(
        self, entries: Sequence[Entry], size: int, limit: int | None = None, ids: Sequence[str] | None = None
    ) -> None:
        """
        Args:
            entries: all pairs.
            size: side of the canonical square.
            limit: number of pairs to keep, from the first on.
            ids: keep these pair ids only; the start of an id is enough if it is unique.

        Raises:
            UserError: a pair occurs twice, an id is unknown, or nothing is left.
        """
        twice = [id for id, count in Counter(entry.id for entry in entries).items() if count > 1]
        if twice:
            raise UserError(
                f"The pair {twice[0]} is listed more than once. Remove its copies: a pair is an image name and a text."
            )
        self.listed = tuple(entry.id for entry in entries)
        if ids is not None:
            known = _ids(entries)
            chosen = {_resolve(id, known) for id in ids}
            entries = [entry for entry in entries if entry.id in chosen]
        if limit is not None:
            if limit < 1:
                raise UserError(f"dataset.limit={limit} leaves no pairs. Give a number from 1, or null for all.")
            entries = entries[:limit]
        if not entries:
            raise UserError(f"The dataset {self.name} has no pairs. Check its list, and dataset.ids.")
        self.entries = tuple(entries)
        self.size = size
        self._told = False

    @property
    def label(self) -> str:
        """The name for figures and tables, with "(synthetic)" if the images are."""
        return f"{self.name.capitalize()} (synthetic)" if self.synthetic else self.name

    @abstractmethod
    def read(self, entry: Entry) -> tuple[np.ndarray, np.ndarray | None]:
        """Read the entry's input and, if it is known, the true edit: (H, W, 3) uint8, of any size."""

    def read_mask(self, entry: Entry) -> np.ndarray | None:
        """Read the region to edit, (H, W, 3) uint8, of the input's shape; None for a dataset that has no masks."""
        return None

    def load(self, entry: Entry) -> EditPair:
        """Return the entry with its images in the canonical square.

        Raises:
            ImageError: an image is missing or unreadable, or the mask has another shape than the input.
        """
        image, truth = self.read(entry)
        size = size_of(image)
        if truth is not None and not size_of(truth).same_aspect(size) and not self._told:
            self._told = True
            warnings.warn(
                f"The true edit of {entry.id} is {size_of(truth)} and its input {size}: their centre squares are compared, "
                "which lie on each other only where it was made from that square. Others may be so too.",
                stacklevel=2,
            )
        mask = self.read_mask(entry) if entry.mask else None
        if mask is not None and not size_of(mask).same_aspect(size):
            raise ImageError(
                f"The mask of {entry.id} is {size_of(mask)} and its input {size}. Give it the shape of the input."
            )
        return EditPair(
            entry,
            square(image, self.size),
            None if truth is None else square(truth, self.size),
            size,
            None if mask is None else mask_square(mask, self.size),
        )

    def missing(self) -> dict[str, Path]:
        """Return, by pair id, the first of its files that does not exist; none if the dataset cannot tell."""
        return {}

    def subset(self, ids: Collection[str]) -> Self:
        """Return a copy with these pairs only, in the same order; ``listed`` still names all."""
        other = copy(self)
        other.entries = tuple(entry for entry in self.entries if entry.id in ids)
        return other

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[EditPair]:
        return (self.load(entry) for entry in self.entries)


def _ids(entries: Sequence[Entry]) -> dict[str, str]:
    """Return each pair's id by itself, and by the id that a list in the other Unicode normal form would give it."""
    known = {entry.id: entry.id for entry in entries}
    for entry in entries:
        if not (entry.image_name + entry.target_text).isascii():
            for form in ("NFC", "NFD"):
                name, text = (normalize(form, each) for each in (entry.image_name, entry.target_text))
                known.setdefault(pair_id(name, text), entry.id)
    return known


def _resolve(id: str, known: Mapping[str, str]) -> str:
    """Return the pair that an id, or the start of one, names among those of :func:`_ids`."""
    found = [known[id]] if id in known else list(dict.fromkeys(v for k, v in known.items() if k.startswith(id)))
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(
            f"dataset.ids: {id!r} is the start of {len(found)} pairs, such as {found[0]} and {found[1]}. Give more of it."
        )
    near = max(known.values(), key=lambda k: SequenceMatcher(None, id, k[: len(id)]).ratio())
    raise UserError(
        f"dataset.ids: no pair is called {id!r}. Did you mean {near}? `python -m tedbench.show` lists them."
    )
