"""Picturebook's edit pairs: a drawn benchmark with known right answers. It does not replace photographs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from picturebook.pairs import SPLITS, PlannedEdit, Split, planned_edits
from picturebook.world import render
from tedbench.datasets.base import Dataset
from tedbench.errors import UserError
from tedbench.pair import Entry


class PicturebookPairs(Dataset):
    """Pairs with source texts, object phrases, categories, instructions and true edits.

    There are the 100 of the benchmark ("all"), seven of them that show what Imagic can do and where it fails
    ("preview", chosen with its results known), and 60 others on other images for the choice of hyperparameters
    ("search").
    """

    name: ClassVar[str] = "picturebook"
    synthetic: ClassVar[bool] = True
    licence: ClassVar[str | None] = "apache-2.0"

    def __init__(
        self, size: int, limit: int | None = None, ids: Sequence[str] | None = None, split: Split = "preview"
    ) -> None:
        """
        Args:
            size: side of the images; they are drawn at this size, not enlarged.
            limit, ids: see :class:`Dataset`.
            split: "preview", "all" or "search".

        Raises:
            UserError: the split is unknown; or see :class:`Dataset`.
        """
        if split not in SPLITS:
            raise UserError(f"dataset.split={split} is unknown. Use {', '.join(SPLITS[:-1])} or {SPLITS[-1]}.")
        planned = [(_entry(pair), pair) for pair in planned_edits(split)]
        self._planned: dict[str, PlannedEdit] = {entry.id: pair for entry, pair in planned}
        super().__init__([entry for entry, _ in planned], size, limit, ids)

    def read(self, entry: Entry) -> tuple[np.ndarray, np.ndarray]:
        """Draw the image and its true edit, (size, size, 3) uint8 each."""
        pair = self._planned[entry.id]
        return render(pair.before, self.size), render(pair.after, self.size)


def _entry(pair: PlannedEdit) -> Entry:
    return Entry(
        pair.image,
        pair.target_text,
        source_text=pair.source_text,
        source_object=pair.source_object,
        target_object=pair.target_object,
        category=pair.category,
        instruction=pair.instruction,
    )
