"""The plain long CSV: one answer a row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from eval.study.answers.statuses import StatusColumns, later_status
from eval.study.answers.submission import AnswerRow, Submission, check_tag, milliseconds
from eval.study.answers.submit_times import later_time, submit_column
from eval.study.design.definition import Study
from tedbench.errors import UserError

REQUIRED = ("study", "session", "screen", "rater", "choice")
OPTIONAL = ("submission", "ms")
"""Columns, in upper or lower case."""


@dataclass
class _PartialSubmission:
    """A submission while its rows are read."""

    where: str
    rater: str
    session: str
    choices: list[str]
    seconds: list[float | None]
    status: str
    submitted: str = ""
    problem: str = ""


def read_long(name: str, header: Sequence[str], rows: Iterable[AnswerRow], study: Study) -> Iterator[Submission]:
    """Yield the submissions of a long CSV; its rows may be in any order.

    Args:
        name: of the file.
        header: its columns. Those that are neither required nor optional, nor a status or the time of submission, are
            ignored.
        rows: see :class:`eval.study.answers.submission.AnswerRow`.
        study: the study that they must be answers to.

    Raises:
        UserError: a column is missing, or a row is not of this study or contradicts another.
    """
    names = [column.lower() for column in header]
    lacking = [column for column in REQUIRED if column not in names]
    if lacking:
        raise UserError(f"{name} has no column {lacking[0]}. A long CSV has {', '.join(REQUIRED)}.")
    for column in (*REQUIRED, *OPTIONAL):
        if names.count(column) > 1:
            raise UserError(f"{name} has the column {column} twice. Give the file as it was exported.")
    at = {column: names.index(column) for column in (*REQUIRED, *OPTIONAL) if column in names}
    statuses, time = StatusColumns(header), submit_column(header)
    places = {
        (session.id, screen.id): place for session in study.sessions for place, screen in enumerate(session.screens)
    }
    lengths = {session.id: len(session.screens) for session in study.sessions}
    found: dict[str, _PartialSubmission] = {}
    tag, choices = study.tag, study.choices()
    for where, cells in rows:
        value = {column: cells[place].strip() for column, place in at.items()}
        check_tag(value["study"], tag, where)
        session, place = value["session"], places.get((value["session"], value["screen"]))
        if place is None:
            raise UserError(
                f"{where}: this study has no screen {value['screen']!r} in a session {session!r}. "
                "Give the file as it was exported."
            )
        if not value["rater"]:
            raise UserError(f"{where} has no rater. Every answer needs one: the intervals are over raters.")
        id = value.get("submission") or f"{value['rater']}\0{session}"
        length, status = lengths[session], statuses.of(cells, where)
        if id not in found:
            found[id] = _PartialSubmission(where, value["rater"], session, [""] * length, [None] * length, status)
        submission = found[id]
        _add(submission, place, value, where, choices)
        together = later_status(submission.status, status)
        if together is None:
            raise UserError(
                f"{where} says {status}, and {submission.where} says {submission.status}, of one submission. Mend the export."
            )
        submission.status = together
        if time is not None:
            submission.submitted = later_time(submission.submitted, cells[time].strip())
    for id, s in found.items():
        yield Submission(
            s.where,
            id,
            s.rater,
            s.session,
            tuple(s.choices),
            tuple(s.seconds),
            problem=s.problem,
            status=s.status,
            submitted=s.submitted,
        )


def _add(to: _PartialSubmission, place: int, value: dict[str, str], where: str, choices: Sequence[str]) -> None:
    if (to.rater, to.session) != (value["rater"], value["session"]):
        raise UserError(
            f"{where} is of another rater or session than {to.where}, under one submission. Mend the export."
        )
    choice = value["choice"]
    if choice and choice not in choices:
        to.problem = to.problem or f"a choice is {choice[:20]!r}"
        return
    if to.choices[place] not in ("", choice):
        raise UserError(
            f"{where} answers screen {value['screen']} again, otherwise. Mend the export; a column submission tells "
            "two submissions of a rater apart."
        )
    to.choices[place] = choice or to.choices[place]
    try:
        seconds = milliseconds(value.get("ms", ""))
    except ValueError as error:
        to.problem = to.problem or str(error)
        return
    if seconds is not None and to.seconds[place] not in (None, seconds):
        raise UserError(f"{where} answers screen {value['screen']} again, in another time. Mend the export.")
    to.seconds[place] = to.seconds[place] if seconds is None else seconds
