"""What is not the same in two nested mappings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Change(NamedTuple):
    """A value that is not the same: where, and what it was and is (None: not there)."""

    where: str
    before: Any
    after: Any


def changes(before: Any, after: Any, where: str = "") -> list[Change]:
    """Every value that is not the same, of nested mappings, in their order.

    Args:
        before, after: what is compared.
        where: what leads to them, dotted; each change's ``where`` begins with it.
    """
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        return [] if before == after else [Change(where, before, after)]
    keys = dict.fromkeys((*before, *after))
    dotted = {key: f"{where}.{key}" if where else str(key) for key in keys}
    return [change for key in keys for change in changes(before.get(key), after.get(key), dotted[key])]
