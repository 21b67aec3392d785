"""Warnings about a file, each given once in a process however often the file is read."""

from __future__ import annotations

import warnings

_given: set[str] = set()


def warn_once(message: str) -> None:
    """Warn in one line, unless the same message was given before.

    Python's own filter forgets its history whenever a library changes the filters.
    """
    message = " ".join(message.split())
    if message not in _given:
        _given.add(message)
        warnings.warn(message, UserWarning, stacklevel=3)
