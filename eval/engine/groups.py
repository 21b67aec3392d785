"""Groups of pairs that a method fits together. They depend on the dataset's order, not on which pairs are finished."""

from __future__ import annotations

from collections.abc import Sequence

from tedbench.pair import Entry


def groups(entries: Sequence[Entry], size: int) -> list[Sequence[Entry]]:
    """Split entries into consecutive groups of ``size``; the last one may be smaller."""
    return [entries[start : start + size] for start in range(0, len(entries), size)]


def groups_by_pair(entries: Sequence[Entry], size: int) -> dict[str, Sequence[Entry]]:
    """Return the group of each pair by the pair's id."""
    return {entry.id: group for group in groups(entries, size) for entry in group}
