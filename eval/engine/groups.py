"""Pairs that a method fits at once: so many neighbours in the dataset's order, whatever of them is made already."""

from __future__ import annotations

from collections.abc import Sequence

from tedbench.pair import Entry


def groups(entries: Sequence[Entry], size: int) -> list[Sequence[Entry]]:
    """Return the first ``size`` of the entries, the next ``size``, …; the last group has those that are left."""
    return [entries[start : start + size] for start in range(0, len(entries), size)]
