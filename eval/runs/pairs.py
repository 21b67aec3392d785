"""The pairs of a saved run as a dataset."""

from __future__ import annotations

import numpy as np

from eval.runs.folder import Run
from tedbench.datasets.base import Dataset
from tedbench.errors import ImageError, UserError
from tedbench.pair import Entry


class RunPairs(Dataset):
    """The pairs that a run has rows of, in the order of their ids."""

    def __init__(self, run: Run) -> None:
        """
        Raises:
            UserError: the run has no pairs.
        """
        self._run = run
        rows = run.samples().drop_duplicates("pair_id")
        if not len(rows):
            raise UserError(f"{run.folder} has no pairs yet. Repeat its eval.run command first.")
        card = run.cards.dataset
        self.name, self.synthetic, self.licence = card.name, card.synthetic, card.licence  # type: ignore[misc]
        entries = []
        for row in rows.itertuples():
            info = run.shard(row.pair_id).info()
            texts = {name: info.get(name) for name in Entry.fields()}
            entries.append(Entry(row.image_name, row.target_text, **texts))
        super().__init__(entries, int(run.config()["fit"].get("size") or 0))

    @property
    def label(self) -> str:
        return self._run.dataset_label

    def read(self, entry: Entry) -> tuple[np.ndarray, np.ndarray | None]:
        """Read the input and, if it is known, the true edit from the run's folder, (size, size, 3) uint8 each.

        Raises:
            ImageError: the run has no input of this pair, such as for a pair whose image could not be read.
        """
        shard = self._run.shard(entry.id)
        if not (shard.folder / "input.png").exists():
            raise ImageError(f"{shard.folder} has no input. Repeat the run's eval.run command.")
        return shard.input(), shard.truth()
