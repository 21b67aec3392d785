"""Results that are asked for again soon, such as an input's features, kept without growing."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import numpy as np

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """The results asked for last, by key; with more than ``limit`` of them, the one not asked for longest goes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: OrderedDict[Hashable, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """What ``key`` gave last time, or else what ``make`` gives now."""
        if key not in self._known:
            self._known[key] = make()
        self._known.move_to_end(key)
        if len(self._known) > self._limit:
            self._known.popitem(last=False)
        return self._known[key]


def content(*arrays: np.ndarray) -> bytes:
    """A key by what arrays hold."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.shape} {array.dtype}".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.digest()
