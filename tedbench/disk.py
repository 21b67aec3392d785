"""Errors of the disk in one line for the terminal, and paths in the disk's own spelling."""

from __future__ import annotations

import errno
import os
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from tedbench.errors import UserError

REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "writing there is not allowed",
    errno.EPERM: "writing there is not allowed",
    errno.EEXIST: "a file is where a folder should be",
    errno.ENOTDIR: "a file is where a folder should be",
    errno.ENOLCK: "its file system has no locks",
    errno.EOPNOTSUPP: "its file system has no locks",
}


def is_file(path: Path) -> bool:
    """True if the path is a file; False also if the file system cannot hold the name."""
    try:
        return path.is_file()
    except OSError:
        return False


def nfc(text: str) -> str:
    """Return composed Unicode, in which "é" is one character, to compare two spellings of a name."""
    return unicodedata.normalize("NFC", text)


def on_disk(path: Path) -> Path:
    """Return the path in the disk's spelling: macOS writes "é" as two characters, other systems as one.

    A file of exactly this name has precedence; without one in either spelling, the path itself is returned.
    """
    if str(path).isascii() or os.path.lexists(path):
        return path
    found = Path(path.anchor)
    for part in path.parts[len(found.parts) :]:
        step = found / part
        found = step if part.isascii() or os.path.lexists(step) else found / _spelled(found).get(nfc(part), part)
    return found


def _spelled(folder: Path) -> dict[str, str]:
    try:
        return _names(str(folder), folder.stat().st_mtime_ns)
    except OSError:
        return {}


@lru_cache(maxsize=16)
def _names(folder: str, changed: int) -> dict[str, str]:
    """Return a folder's names by their composed spelling; ``changed``, its modification time, keys the cache."""
    names = sorted((path.name for path in Path(folder).iterdir() if not path.name.isascii()), reverse=True)
    return {nfc(name): name for name in names}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn common errors of a disk into one clear line.

    Args:
        path: the file or folder being written, named in that line.

    Raises:
        UserError: there is no room, or no right to write there, or a file in the place of a folder.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in REASONS:
            raise
        raise UserError(
            f"{path} cannot be written: {REASONS[error.errno]}. "
            "Everything finished is kept; make room or give another folder, then repeat the command."
        ) from None
