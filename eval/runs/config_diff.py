"""Differences of two nested mappings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Change(NamedTuple):
    """A changed value: dotted key, old value and new value (None if missing)."""

    where: str
    before: Any
    after: Any


def changes(before: Any, after: Any, where: str = "") -> list[Change]:
    """Return all changed values of two nested mappings, in their order.

    Args:
        before, after: the mappings.
        where: dotted prefix of the keys.
    """
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        return [] if before == after else [Change(where, before, after)]
    keys = dict.fromkeys((*before, *after))
    dotted = {key: f"{where}.{key}" if where else str(key) for key in keys}
    return [change for key in keys for change in changes(before.get(key), after.get(key), dotted[key])]
