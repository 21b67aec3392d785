"""Files of a run's folder: atomic writes, and reads that verify checksums."""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tedbench.errors import PairError

OLD = 60.0
"""Age in seconds from which a temporary file is considered abandoned."""


class DamagedError(PairError):
    """A file of a run is missing, truncated or changed."""


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a temporary file that replaces ``path`` once it is on the disk; it is deleted after an error."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(beside, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def clear_half_written(folder: Path) -> None:
    """Delete temporary files of :func:`replacing` that killed processes left."""
    for left in folder.glob(".*.????????"):
        if left.is_file() and time.time() - left.stat().st_mtime > OLD:
            left.unlink(missing_ok=True)


def replace_text(path: Path, text: str) -> None:
    """Write text in UTF-8 atomically."""
    with replacing(path) as file:
        file.write(text.encode())


def write_parquet(path: Path, table: pd.DataFrame) -> str:
    """Write a table as Parquet atomically, and return the file's sha256."""
    content = io.BytesIO()
    table.to_parquet(content, index=False)
    with replacing(path) as file:
        file.write(content.getbuffer())
    return hashlib.sha256(content.getbuffer()).hexdigest()


def read_parquet(path: Path, digest: str | None = None) -> pa.Table:
    """Read a Parquet file.

    Args:
        path: the file.
        digest: the sha256 that it must have; None if that is unknown.

    Raises:
        DamagedError: it is missing or unreadable, or has another sha256.
    """
    try:
        content = path.read_bytes()
        if digest is not None and hashlib.sha256(content).hexdigest() != digest:
            raise DamagedError(f"{path} is not as it was written.")
        return pq.ParquetFile(pa.BufferReader(content)).read(use_threads=False)
    except FileNotFoundError:
        raise DamagedError(f"{path} is missing.") from None
    except (OSError, ValueError) as error:
        raise DamagedError(f"{path} cannot be read ({str(error)[:80]}).") from None


def file_digest(path: Path) -> str:
    """Return a file's sha256."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Flush a folder's directory entries to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def link_or_copy(source: str, target: str) -> None:
    """Create a hard link to a file that never changes, or a copy if the file system has no hard links."""
    try:
        os.link(source, target)
    except OSError:
        with open(source, "rb") as old, replacing(Path(target)) as new:
            new.write(old.read())
