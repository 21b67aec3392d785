"""What can go wrong with a disk, for the reader of the terminal."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
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
}


def is_file(path: Path) -> bool:
    """Whether there is such a file; no, where the disk cannot hold the name."""
    try:
        return path.is_file()
    except OSError:
        return False


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what can go wrong with a disk into one clear line.

    Args:
        path: what is written, to be named in that line.

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
