"""Locks of a run folder. Shards are atomic, so locks only prevent double work; they are freed when a process ends."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

from filelock import FileLock, Timeout

from eval.runs.part import Part
from tedbench.disk import writing
from tedbench.errors import UserError


class Owner(NamedTuple):
    """The command that holds a lock: its pairs, process (None if unknown), and start in seconds since 1970."""

    part: Part
    host: str | None
    pid: int | None
    since: float

    def __str__(self) -> str:
        who = "another command" if self.pid is None else f"process {self.pid} on {self.host}"
        return f"{who} (since {time.strftime('%Y-%m-%d %H:%M', time.localtime(self.since))}, {self.part})"


def owners(folder: Path) -> list[Owner]:
    """Return the commands that work on a run folder now; none if the folder cannot be written to."""
    if (locks := folder / ".locks").is_dir():
        with suppress(OSError), FileLock(locks / "guard.lock", timeout=60):
            return list(_owners(locks))
    return []


def _owners(locks: Path) -> Iterator[Owner]:
    for path in sorted(locks.glob("[0-9]*-of-[0-9]*.lock")):
        try:
            FileLock(path, timeout=0).acquire().lock.release()  # free: its owner has ended
        except Timeout:
            part, known = Part(*map(int, path.stem.split("-of-"))), Owner(Part(), None, None, path.stat().st_mtime)
            with suppress(OSError, ValueError, TypeError):  # a damaged record
                known = known._replace(**json.loads(path.with_suffix(".json").read_text(encoding="utf-8")))
            yield known._replace(part=part)


class RunLock:
    """Lock of a part of a run's pairs, all by default, for a ``with`` statement.

    Args:
        folder: the run's folder.
        part: the part to lock; None for all pairs.
        log: called with a message if an earlier command was killed.
    """

    def __init__(self, folder: Path, part: Part | None = None, log: Callable[[str], None] = print) -> None:
        self.folder, self.part, self._log = folder, part or Part(), log
        self._record = folder / ".locks" / f"{self.part.number}-of-{self.part.total}.json"
        self._lock = FileLock(self._record.with_suffix(".lock"), timeout=0)

    def acquire(self) -> Self:
        """Create the folder and take the lock, without waiting.

        Raises:
            UserError: another command works on some of the same pairs, or the folder cannot be written to.
        """
        with writing(self.folder), FileLock(self._record.with_name("guard.lock"), timeout=60):
            for owner in _owners(self._record.parent):
                if owner.part.overlaps(self.part):
                    raise UserError(
                        f"{self.folder} is being worked on by {owner}. Wait for it, stop it, or give another run_dir; "
                        f"`python -m eval.status run={self.folder}` says how far it is."
                    )
            if self._record.exists():
                self._log("an earlier command was cut off here; going on from what it kept")
            since = round(time.time(), 3)  # rounded like the times of events, so that none of this command's is earlier
            self._record.write_text(json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "since": since}))
            self._lock.acquire()
        return self

    def release(self) -> None:
        """Release the lock; does nothing if it is not held."""
        if self._lock.is_locked:
            with suppress(OSError):
                self._record.unlink()
            self._lock.release()

    __enter__ = acquire

    def __exit__(self, *error: Any) -> None:
        self.release()
