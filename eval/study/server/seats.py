"""The study server's database of participants, their sessions and their answers.

A participant's **seat** is their place in one session. It is a lease: participants who neither open the page nor answer
for a while lose it if another one needs it; those who have answered every screen keep it. When :meth:`Seats.record`
has returned, the answer is on the disk.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from tedbench.errors import UserError

SCHEMA = """
CREATE TABLE IF NOT EXISTS study (tag TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS seats (
    id TEXT PRIMARY KEY,
    participant TEXT NOT NULL UNIQUE,
    session TEXT NOT NULL,
    expires REAL NOT NULL,
    finished INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS answers (
    seat TEXT NOT NULL REFERENCES seats (id),
    screen TEXT NOT NULL,
    choice TEXT NOT NULL,
    ms TEXT NOT NULL,
    PRIMARY KEY (seat, screen)
) WITHOUT ROWID;
"""


class Seat(NamedTuple):
    """A participant's place in a session.

    Attributes:
        id: random, of the submission.
        session: id.
        finished: True if every screen is answered.
    """

    id: str
    session: str
    finished: bool


class Answer(NamedTuple):
    """``left``, ``right`` or ``tie``, and the time in milliseconds as the page wrote it, "" if unknown."""

    choice: str
    ms: str


class GivenAnswer(NamedTuple):
    """An answer with its session, screen, participant and seat; see :class:`Seat` and :class:`Answer`."""

    session: str
    screen: str
    participant: str
    seat: str
    choice: str
    ms: str


class Seats:
    """The database; safe to use from several threads.

    Args:
        file: created if there is none.
        tag: of the study.
        sessions: the screens' ids of each session, by its id.
        places: seats in each session.
        lease: seconds that a seat is kept for.

    Raises:
        UserError: the file is not such a database, or of another study.
    """

    def __init__(self, file: Path, tag: str, sessions: Mapping[str, list[str]], places: int, lease: float) -> None:
        self._sessions, self._places, self._lease = sessions, places, lease
        self._lock = Lock()
        try:
            self._database = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=30)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")  # an answer is acknowledged when it is on the disk
            self._database.executescript(SCHEMA)
            self._database.execute("INSERT INTO study SELECT ? WHERE NOT EXISTS (SELECT * FROM study)", (tag,))
            (there,) = self._database.execute("SELECT tag FROM study").fetchone()
        except sqlite3.Error as error:
            raise UserError(f"{file} cannot be used ({error}). Give another data=FOLDER.") from None
        if there != tag:
            raise UserError(f"{file} has answers to study {there}, and this one is {tag}. Give another data=FOLDER.")

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def take(self, participant: str) -> Seat | None:
        """Return the participant's seat, or a new one in the emptiest session; None if no place is free.

        Ids are compared without case, so that participants who type their id always get the same seat.
        """
        with self._lock, self._database:
            self._database.execute("BEGIN IMMEDIATE")
            found = self._database.execute(
                "SELECT id FROM seats WHERE participant = ? COLLATE NOCASE ORDER BY participant = ? DESC",
                (participant, participant),
            ).fetchone()
            if found:
                return self._kept(found[0])
            taken = self._taken()
            session = min(self._sessions, key=lambda session: taken[session])
            if taken[session] >= self._places:
                return None
            id = secrets.token_hex(8)
            values = (id, participant, session, time.time() + self._lease)
            self._database.execute("INSERT INTO seats (id, participant, session, expires) VALUES (?, ?, ?, ?)", values)
            return Seat(id, session, False)

    def keep(self, id: str) -> Seat | None:
        """Return the seat with its lease renewed; None if the place was given to another, or there is none."""
        with self._lock, self._database:
            self._database.execute("BEGIN IMMEDIATE")
            return self._kept(id)

    def record(self, id: str, answers: Mapping[int, Answer]) -> Seat | None:
        """Record answers by the screen's place in the session, from 1. **The first answer to a screen counts**.

        Any later answer to the same screen changes nothing.

        Returns:
            The seat afterwards; None as for :meth:`keep`, and nothing is recorded.

        Raises:
            KeyError: the session has no screen at a place; nothing is recorded.
        """
        with self._lock, self._database:
            self._database.execute("BEGIN IMMEDIATE")
            seat = self._kept(id)
            if seat is None:
                return None
            screens = dict(enumerate(self._sessions[seat.session], 1))
            for place, answer in answers.items():
                values = (id, screens[place], *answer)
                self._database.execute("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?)", values)
            finished = len(self._answered(id)) == len(screens)
            self._database.execute("UPDATE seats SET finished = ? WHERE id = ?", (finished, id))
            return seat._replace(finished=finished)

    def answered(self, id: str) -> set[str]:
        """Return the ids of the screens that a seat has answered."""
        with self._lock:
            return self._answered(id)

    def given(self) -> Iterator[GivenAnswer]:
        """Yield all answers, in the order of their seats."""
        columns = "session, screen, participant, seat, choice, ms"
        rows = self._database.execute(
            f"SELECT {columns} FROM answers JOIN seats ON seat = id ORDER BY seats.rowid, screen"
        )
        return (GivenAnswer(*row) for row in rows)

    def _answered(self, id: str) -> set[str]:
        return {screen for (screen,) in self._database.execute("SELECT screen FROM answers WHERE seat = ?", (id,))}

    def _taken(self) -> Counter[str]:
        """Return the number of seats of each session that are finished or leased."""
        rows = self._database.execute(
            "SELECT session, count(*) FROM seats WHERE finished OR expires > ? GROUP BY session", (time.time(),)
        )
        return Counter(dict(rows))

    def _kept(self, id: str) -> Seat | None:
        row = self._database.execute("SELECT id, session, finished, expires FROM seats WHERE id = ?", (id,)).fetchone()
        if row is None:
            return None
        seat, expires = Seat(row[0], row[1], bool(row[2])), row[3]
        if not seat.finished:
            if expires <= time.time() and self._taken()[seat.session] >= self._places:
                return None
            values = (time.time() + self._lease, id)
            self._database.execute("UPDATE seats SET expires = ? WHERE id = ?", values)
        return seat
