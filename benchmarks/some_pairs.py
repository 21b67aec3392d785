"""Options of runs on some of Picturebook's pairs: ``every=N`` stands for each N-th pair."""

from __future__ import annotations

from collections.abc import Sequence

from tedbench.datasets.picturebook import PicturebookPairs


def some(every: int, split: str = "all") -> list[str]:
    """Return the ids of each ``every``-th pair of a split."""
    return [entry.id for entry in PicturebookPairs(64, split=split).entries[::every]]


def with_ids(options: Sequence[str], split: str = "all") -> list[str]:
    """Return options of ``eval.run`` with the ids of a split's pairs in place of ``every=N``, the last one if there are several."""
    every = [int(option.removeprefix("every=")) for option in options if option.startswith("every=")]
    others = [option for option in options if not option.startswith("every=")]
    return [*others, f"dataset.ids=[{','.join(some(every[-1], split))}]"] if every else others
