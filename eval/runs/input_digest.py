"""Whether the pictures that a run was made from are still the same."""

from __future__ import annotations

import hashlib
from types import EllipsisType
from typing import NamedTuple

import numpy as np

from tedbench.datasets.base import Dataset
from tedbench.pair import EditPair, Entry


def input_digest(pair: EditPair) -> str:
    """sha256 of the canonical input's pixels: tells when a file changed behind a name."""
    return pixel_digest(pair.image)


def pixel_digest(image: np.ndarray) -> str:
    """sha256 of a picture's pixels and shape, (size, size, 3) uint8."""
    return hashlib.sha256(str(image.shape).encode() + image.tobytes()).hexdigest()


class _Digests(NamedTuple):
    input: str
    truth: str | None


class Inputs:
    """The digests of a dataset's inputs and true edits, each picture read once."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._known: dict[str, _Digests | None] = {}

    def digest(self, entry: Entry) -> str | None:
        """As :func:`input_digest`; None where the pair's pictures cannot be read."""
        found = self._of(entry)
        return None if found is None else found.input

    def truth(self, entry: Entry) -> str | EllipsisType | None:
        """:func:`pixel_digest` of the true edit; None where there is none, ``...`` where it cannot be read."""
        if not self._dataset.has_truths:
            return None
        found = self._of(entry)
        return ... if found is None else found.truth

    def _of(self, entry: Entry) -> _Digests | None:
        key = entry.id if self._dataset.has_truths else entry.image_name
        if key not in self._known:
            try:
                pair = self._dataset.load(entry)
                truth = None if pair.truth is None else pixel_digest(pair.truth)
                self._known[key] = _Digests(input_digest(pair), truth)
            except Exception:  # whatever it is, it is told when that pair's turn comes
                self._known[key] = None
        return self._known[key]
