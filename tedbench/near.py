"""Suggestions for mistyped words."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches


def nearest(word: str, known: Collection[str], hint: str = " Did you mean {}?") -> str:
    """Return a hint with the known word that is nearest to another; empty if none is near."""
    near = get_close_matches(word, known, 1)
    return hint.format(near[0]) if near else ""
