"""Who works on a run's folder: one command at a time, or the tasks of an array, each on its own part of the pairs."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from filelock import FileLock, Timeout

from tedbench.disk import writing
from tedbench.errors import UserError

Item = TypeVar("Item")

BEAT = 10.0
"""Seconds from one sign of life to the next."""

SILENT = 60.0
"""Seconds without a sign after which a command on another machine counts as dead."""


class Part(NamedTuple):
    """A share of a run's pairs: ``number`` of ``total``, from 1. One of one is all of them."""

    number: int = 1
    total: int = 1

    def __str__(self) -> str:
        return "all pairs" if self.whole else f"part {self.number} of {self.total}"

    @property
    def whole(self) -> bool:
        """Whether it is all pairs."""
        return self.total == 1

    def of(self, items: Sequence[Item]) -> list[Item]:
        """Its share of the items: every ``total``-th."""
        return list(items[self.number - 1 :: self.total])

    def overlaps(self, other: Part) -> bool:
        """Whether both may have the same pair; shares of different totals do."""
        return self.total != other.total or self.number == other.number


class Holder(NamedTuple):
    """A command that works on a run's folder.

    Attributes:
        part: which pairs.
        host, pid: where it runs.
        since: when it took the lock, in seconds since 1970.
        silent: how long ago it gave its last sign of life, in seconds.
        locked: whether the system says that the process lives; False where it may, on another machine that does not
            share its locks.
    """

    part: Part
    host: str
    pid: int
    since: float
    silent: float
    locked: bool

    def __str__(self) -> str:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(self.since))
        return f"process {self.pid} on {self.host} (since {when}, {self.part})"


def holders(folder: Path) -> list[Holder]:
    """Those that work on a run's folder now; what killed commands left there is not counted."""
    locks = folder / ".locks"
    if not locks.is_dir():
        return []
    try:
        with FileLock(locks / "guard.lock", timeout=SILENT):
            return _alive(locks)
    except OSError:  # a folder that cannot be written to
        return _alive(locks)


def _alive(locks: Path) -> list[Holder]:
    now, found = _now(locks), []
    for path in sorted(locks.glob("*.json")):
        try:
            known, silent = json.loads(path.read_text(encoding="utf-8")), now - path.stat().st_mtime
            part = Part(*known["part"])
            holder = Holder(part, known["host"], known["pid"], known["since"], silent, _locked(path))
        except (OSError, ValueError, KeyError, TypeError):  # it has just ended, or its file is damaged
            continue
        if holder.locked or (holder.host != socket.gethostname() and holder.silent < SILENT):
            found.append(holder)
    return found


def _now(locks: Path) -> float:
    """The time by the clock of the disk, which other machines' signs of life are stamped with."""
    guard = locks / "guard.lock"
    with suppress(OSError):
        os.utime(guard)
        return guard.stat().st_mtime
    return time.time()


def _locked(path: Path) -> bool:
    """Whether a living process holds the lock beside a holder's file; killed ones lose theirs."""
    lock = FileLock(path.with_suffix(".lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False


class RunLock:
    """The right to write into a run's folder, for a share of its pairs. Use it in a ``with`` statement.

    The system takes it back when the process ends, however it ends. For file systems that do not share locks between
    machines, the holder also gives a sign of life every :data:`BEAT` seconds.
    """

    def __init__(self, folder: Path, part: Part | None = None, say: Callable[[str], None] = print) -> None:
        """
        Args:
            folder: of the run.
            part: the pairs that it is for; all by default.
            say: is told of what takes long or is unusual.
        """
        self.folder, self.part, self._say = folder, part or Part(), say
        self._locks = folder / ".locks"
        self._path = self._locks / f"{self.part.number}-of-{self.part.total}.json"
        self._lock = FileLock(self._path.with_suffix(".lock"), timeout=0)
        self._released = threading.Event()

    def acquire(self) -> None:
        """Takes the lock; waits where it cannot know yet whether another machine's command still lives.

        Raises:
            UserError: another command works on the same pairs; or the folder cannot be written to.
        """
        seen: dict[Any, float] = {}
        with writing(self.folder):
            self._locks.mkdir(parents=True, exist_ok=True)
            while others := self._try():
                for other in others:
                    if other.locked or other.silent < seen.get(other[:4], 0.0):
                        raise UserError(
                            f"{self.folder} is being worked on by {other}. Wait for it, stop it, or give another "
                            f"run_dir; `python -m eval.status run={self.folder}` says how far it is."
                        )
                if not seen:
                    self._say(f"{others[0]} may still be at work here: waiting up to a minute for a sign of life")
                seen = {other[:4]: other.silent for other in others}
                time.sleep(1)

    def _try(self) -> list[Holder]:
        """Takes the lock, or says who is in the way."""
        with FileLock(self._locks / "guard.lock", timeout=SILENT):
            others = [other for other in _alive(self._locks) if other.part.overlaps(self.part)]
            if not others:
                self._take()
        return others

    def _take(self) -> None:
        self._lock.acquire()
        if self._path.exists():
            self._say("an earlier command was cut off here; going on from what it kept")
        since = round(time.time(), 3)  # as events have it, so that none of ours seems to be from before
        facts = {"host": socket.gethostname(), "pid": os.getpid(), "since": since, "part": self.part}
        self._path.write_text(json.dumps(facts), encoding="utf-8")
        self._released.clear()
        threading.Thread(target=self._beat, name="sign of life", daemon=True).start()

    def _beat(self) -> None:
        while not self._released.wait(BEAT):
            with suppress(OSError):
                os.utime(self._path)

    def release(self) -> None:
        """Gives it back; without effect where it is not held."""
        if self._lock.is_locked:
            self._released.set()
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
            self._lock.release()

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Any:
        self.release()
