"""Digests of inputs, true edits and masks, which show whether a run's pictures have changed."""

from __future__ import annotations

import hashlib
from types import EllipsisType
from typing import NamedTuple

import numpy as np

from tedbench.datasets.base import Dataset
from tedbench.pair import EditPair, Entry


def input_digest(pair: EditPair) -> str:
    """Return the sha256 of the canonical input's pixels and shape."""
    return pixel_digest(pair.image)


def mask_digest(pair: EditPair) -> str | None:
    """Return :func:`pixel_digest` of a pair's mask; None if it has none."""
    return None if pair.mask is None else pixel_digest(pair.mask)


def pixel_digest(image: np.ndarray) -> str:
    """Return the sha256 of the pixels and shape of an image, (size, size, 3) uint8, or of a mask, (size, size) bool."""
    return hashlib.sha256(str(image.shape).encode() + image.tobytes()).hexdigest()


class _Digests(NamedTuple):
    input: str
    truth: str | None
    mask: str | None


class Inputs:
    """Digests of a dataset's inputs, true edits and masks, each read once."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._known: dict[str, _Digests | None] = {}

    def digest(self, entry: Entry) -> str | None:
        """Return :func:`input_digest` of a pair; None if its pictures cannot be read."""
        found = self._of(entry)
        return None if found is None else found.input

    def truth(self, entry: Entry) -> str | EllipsisType | None:
        """Return :func:`pixel_digest` of a pair's true edit; None if there is none, ``...`` if it cannot be read."""
        if not self._dataset.has_truths:
            return None
        found = self._of(entry)
        return ... if found is None else found.truth

    def mask(self, entry: Entry) -> str | EllipsisType | None:
        """Return :func:`mask_digest` of a pair; None if it has no mask, ``...`` if it cannot be read."""
        found = self._of(entry)
        return ... if found is None else found.mask

    def _of(self, entry: Entry) -> _Digests | None:
        key = entry.id if self._dataset.has_truths or entry.mask else entry.image_name
        if key not in self._known:
            try:
                pair = self._dataset.load(entry)
                truth = None if pair.truth is None else pixel_digest(pair.truth)
                self._known[key] = _Digests(input_digest(pair), truth, mask_digest(pair))
            except Exception:  # any error is reported when the pair is edited
                self._known[key] = None
        return self._known[key]
