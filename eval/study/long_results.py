"""The plain long CSV: one answer a row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from eval.study.definition import Study
from eval.study.results import Row, Submission, check_tag, milliseconds
from tedbench.errors import UserError

REQUIRED = ("study", "session", "screen", "rater", "choice")
OPTIONAL = ("submission", "ms")


@dataclass
class _Growing:
    """A submission while its rows come in."""

    where: str
    rater: str
    session: str
    choices: list[str]
    seconds: list[float | None]
    problem: str = ""


def read_long(name: str, header: Sequence[str], rows: Iterable[Row], study: Study) -> Iterator[Submission]:
    """The submissions of a long CSV; its rows may stand in any order.

    Args:
        name: of the file.
        header: its columns; those that are neither required nor optional are ignored.
        rows: see :class:`eval.study.results.Row`.
        study: that they must be answers to.

    Raises:
        UserError: a column is missing, or a row is not of this study or contradicts another.
    """
    lacking = [column for column in REQUIRED if column not in header]
    if lacking:
        raise UserError(f"{name} has no column {lacking[0]}. A long CSV has {', '.join(REQUIRED)}.")
    at = {column: header.index(column) for column in (*REQUIRED, *OPTIONAL) if column in header}
    places = {
        (session.id, screen.id): place for session in study.sessions for place, screen in enumerate(session.screens)
    }
    lengths = {session.id: len(session.screens) for session in study.sessions}
    found: dict[str, _Growing] = {}
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
        length = lengths[session]
        if id not in found:
            found[id] = _Growing(where, value["rater"], session, [""] * length, [None] * length)
        _add(found[id], place, value, where, choices)
    for id, s in found.items():
        yield Submission(s.where, id, s.rater, s.session, tuple(s.choices), tuple(s.seconds), problem=s.problem)


def _add(to: _Growing, place: int, value: dict[str, str], where: str, choices: Sequence[str]) -> None:
    if (to.rater, to.session) != (value["rater"], value["session"]):
        raise UserError(
            f"{where} is of another rater or session than {to.where}, under one submission. Mend the export."
        )
    choice = value["choice"]
    if choice and choice not in choices:
        to.problem = to.problem or f"a choice is {choice[:20]!r}"
        return
    if to.choices[place] not in ("", choice):
        raise UserError(f"{where} answers screen {value['screen']} again, otherwise. Mend the export.")
    to.choices[place] = choice or to.choices[place]
    try:
        to.seconds[place] = milliseconds(value.get("ms", ""))
    except ValueError as error:
        to.problem = to.problem or str(error)
