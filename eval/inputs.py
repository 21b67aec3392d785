"""Whether the pictures that a run was made from are still the same."""

from __future__ import annotations

import hashlib

from tedbench.datasets.base import Dataset
from tedbench.errors import ImageError
from tedbench.pair import EditPair, Entry


def input_digest(pair: EditPair) -> str:
    """sha256 of the canonical input's pixels: tells when a file changed behind a name."""
    return hashlib.sha256(str(pair.image.shape).encode() + pair.image.tobytes()).hexdigest()


class Inputs:
    """The digests of a dataset's inputs, each picture read once."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._known: dict[str, str | None] = {}

    def digest(self, entry: Entry) -> str | None:
        """As :func:`input_digest`; None where the picture cannot be read."""
        if entry.image_name not in self._known:
            try:
                self._known[entry.image_name] = input_digest(self._dataset.load(entry))
            except ImageError:
                self._known[entry.image_name] = None
        return self._known[entry.image_name]
