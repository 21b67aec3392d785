"""Pairs that a method fits at once: so many neighbours in the dataset's order, whatever of them is made already."""

from __future__ import annotations

from collections.abc import Sequence

from tedbench.datasets.base import Dataset
from tedbench.method import Editor
from tedbench.pair import EditPair, Entry


def groups(entries: Sequence[Entry], size: int) -> list[Sequence[Entry]]:
    """The first ``size`` of the entries, the next ``size``, …; the last group has those that are left."""
    return [entries[start : start + size] for start in range(0, len(entries), size)]


def set_groups(editor: Editor, dataset: Dataset) -> None:
    """Tells a method which pairs of a dataset are one group; those that fit each pair by itself need not know."""

    def beside(pair: EditPair) -> list[EditPair | None]:
        together = next(group for group in groups(dataset.entries, editor.group) if pair.entry in group)
        return [pair if entry == pair.entry else _load(dataset, entry) for entry in together]

    if editor.group > 1:
        editor.beside = beside


def _load(dataset: Dataset, entry: Entry) -> EditPair | None:
    try:
        return dataset.load(entry)
    except Exception:  # whatever it is, it is told when that pair's turn comes
        return None
