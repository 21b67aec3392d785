"""Warnings about a file, each given once in a process however often the file is read."""

from __future__ import annotations

import warnings

_given: set[str] = set()


def warn_once(message: str) -> None:
    """Warns in one line; a message that was given before is not repeated.

    Python's own filter forgets what it has shown whenever a library changes the filters.
    """
    message = " ".join(message.split())
    if message not in _given:
        _given.add(message)
        warnings.warn(message, UserWarning, stacklevel=3)
