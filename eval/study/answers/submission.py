"""One submission, the common result of every reader of answer files, and the checks that the readers share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from eval.study.answers.statuses import LEFT_OUT
from tedbench.errors import UserError

SIMULATED = "simulated by eval.study.simulate"
"""Value of the column RequesterAnnotation in every simulated row."""


MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"


SPREADSHEETS = re.compile(rf"[+-]?\d([.,]\d+)?E[+-]\d+|\d\d?-({MONTHS})(-\d+)?|({MONTHS})-\d+|#+|#\S+[!?]")
"""Values that a spreadsheet saves in place of a long number, or of an id that looks like a date or a formula."""


@dataclass(frozen=True)
class Submission:
    """One rater's answers to one session.

    Attributes:
        where: file and line that it was read from.
        id: of the submission (AssignmentId).
        rater: the platform's id of the person.
        session: id.
        choices: one for each screen of the session, in its order; "" if there is none.
        seconds: time on each screen; None if unknown.
        work_seconds: time on the whole by the platform's clock; None if unknown.
        problem: why its answers cannot be read, or "".
        status: see :mod:`eval.study.answers.statuses`.
        submitted: time of submission as the file has it; "" if it has none.
        simulated: True if no human gave it.
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
        """True if the requester rejected it."""
        return self.status == "rejected"

    @property
    def left_out(self) -> bool:
        """True if it does not count because of its status."""
        return self.status in LEFT_OUT

    @property
    def complete(self) -> bool:
        """True if every screen is answered."""
        return all(self.choices)


class AnswerRow(NamedTuple):
    """A row's place ("results.csv, line 3"), and its cells in the header's order."""

    where: str
    cells: list[str]


def check_id(id: str, column: str, where: str) -> None:
    """Refuse an id that a spreadsheet has changed: several may have become one."""
    if SPREADSHEETS.fullmatch(id):
        raise UserError(
            f"{where}: {column} is {id[:30]!r}, as a spreadsheet changes ids. Download the results again, unchanged."
        )


def check_tag(tag: str, wanted: str, where: str) -> None:
    """Refuse answers to another study than the one whose tag is ``wanted``."""
    if tag != wanted:
        check_id(tag, "study", where)
        raise UserError(
            f"{where} is an answer to study {tag[:40] or '(none)'}, and this one is {wanted}. "
            "Give the study's folder that the sheets were prepared in."
        )


def milliseconds(text: str) -> float | None:
    """Return a screen's time in seconds; None if it is not known.

    Raises:
        ValueError: it is not a whole number of milliseconds from 0.
    """
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise ValueError(f"a time is {text[:20]!r}")
    return int(text) / 1000
