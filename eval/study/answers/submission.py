"""One submission, as every format of answer files gives it, and the checks that their readers share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from eval.study.answers.statuses import LEFT_OUT
from tedbench.errors import UserError

SIMULATED = "simulated by eval.study.simulate"
"""Stands in the column RequesterAnnotation of every row that no human gave."""


MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"


SPREADSHEETS = re.compile(rf"[+-]?\d([.,]\d+)?E[+-]\d+|\d\d?-({MONTHS})(-\d+)?|({MONTHS})-\d+|#+|#\S+[!?]")
"""What a spreadsheet saves in place of a long number, an id that looks like a date, or like a formula."""


@dataclass(frozen=True)
class Submission:
    """One rater's answers to one session.

    Attributes:
        where: file and line that it was read from.
        id: of the submission (AssignmentId).
        rater: as the platform names the person.
        session: id.
        choices: one a screen of the session, in its order; "" where there is none.
        seconds: that each screen took; None where unknown.
        work_seconds: that the whole took by the platform's clock; None where unknown.
        problem: why its answers cannot be read, else "".
        status: what became of it, see :mod:`eval.study.answers.statuses`.
        submitted: when it was handed in, as the file says it; "" where it does not.
        simulated: no human gave it.
    """

    where: str
    id: str
    rater: str
    session: str
    choices: tuple[str, ...]
    seconds: tuple[float | None, ...]
    work_seconds: float | None = None
    problem: str = ""
    status: str = ""
    submitted: str = ""
    simulated: bool = False

    @property
    def rejected(self) -> bool:
        """Whether the requester rejected it."""
        return self.status == "rejected"

    @property
    def left_out(self) -> bool:
        """Whether its status says that it does not count."""
        return self.status in LEFT_OUT

    @property
    def complete(self) -> bool:
        """Whether every screen is answered."""
        return all(self.choices)


class Row(NamedTuple):
    """Where it stands ("results.csv, line 3"), and its cells in the header's order."""

    where: str
    cells: list[str]


def check_id(id: str, column: str, where: str) -> None:
    """Refuses an id that a spreadsheet has put in place of the real one: several may have become one."""
    if SPREADSHEETS.fullmatch(id):
        raise UserError(
            f"{where}: {column} is {id[:30]!r}, as a spreadsheet changes ids. Download the results again, unchanged."
        )


def check_tag(tag: str, wanted: str, where: str) -> None:
    """Refuses answers to another study than the one whose tag is ``wanted``."""
    if tag != wanted:
        check_id(tag, "study", where)
        raise UserError(
            f"{where} is an answer to study {tag[:40] or '(none)'}, and this one is {wanted}. "
            "Give the study's folder that the sheets were prepared in."
        )


def milliseconds(text: str) -> float | None:
    """A screen's time in seconds, None where it is not known.

    Raises:
        ValueError: it is no whole number of milliseconds from 0.
    """
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise ValueError(f"a time is {text[:20]!r}")
    return int(text) / 1000
