"""Results of Mechanical Turk and Turkle: one submission a row, answers in any of the shapes that templates produce.

Answer.choice_01 = left                      native radios
Answer.choice_01.left = true, ….right = …    a column an option
Answer.choice_01.label = left                crowd-classifier
Answer.taskAnswers = [{"choice_01": …}]      crowd-form: any of the three as JSON
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from eval.study.answers.statuses import StatusColumns
from eval.study.answers.submission import SIMULATED, AnswerRow, Submission, check_tag, milliseconds
from eval.study.answers.submit_times import submit_column
from eval.study.design.definition import Session, Study
from eval.study.sheets.mturk import ANSWER, CHOICE, INPUT, MILLISECONDS, SESSION, STUDY, as_html, as_text, numbered
from tedbench.errors import UserError

REQUIRED = ("AssignmentId", "WorkerId", INPUT + STUDY, INPUT + SESSION)
TRUE, FALSE = ("true", "on", "1"), ("", "false", "off", "0")
JSON_ANSWERS = "taskAnswers"


def read_turk(name: str, header: Sequence[str], rows: Iterable[AnswerRow], study: Study) -> Iterator[Submission | None]:
    """Yield the submissions of a results file; None for a session that nobody answered.

    Args:
        name: of the file.
        header: its columns.
        rows: see :class:`eval.study.answers.submission.AnswerRow`.
        study: the study that they must be answers to.

    Raises:
        UserError: a column is missing, or a row differs from the study's sheets.
    """
    lacking = [column for column in REQUIRED if column not in header]
    if lacking:
        first = ", ".join(repr(column[:30]) for column in header[:3])
        raise UserError(
            f"{name} has no column {lacking[0]}; it begins with {first}. Give the results of this study's batch as they "
            "were downloaded, divided by commas, semicolons or tabs, or a long CSV (docs/study_analysis.md)."
        )
    if not any(column.startswith(ANSWER) for column in header):
        raise UserError(f"{name} has no column {ANSWER}…, so no answers: it is the batch, not its results.")
    sessions = {session.id: session for session in study.sessions}
    inputs = [place for place, column in enumerate(header) if column.startswith(INPUT)]
    verified: dict[str, list[str]] = {}
    tag, statuses, time = study.tag, StatusColumns(header), submit_column(header)
    for where, cells in rows:
        row = dict(zip(header, cells, strict=True))
        check_tag(row[INPUT + STUDY].strip(), tag, where)
        session = sessions.get(row[INPUT + SESSION].strip())
        if session is None:
            raise UserError(
                f"{where}: this study has no session {row[INPUT + SESSION]!r}. Download the results again, unchanged."
            )
        shown = [cells[place] for place in inputs]
        if verified.get(session.id) != shown:
            _verify(row, session, where)
            verified[session.id] = shown
        found = _submission(row, session, where, study)
        submitted = "" if time is None else cells[time].strip()
        yield found and replace(found, status=statuses.of(cells, where), submitted=submitted)


def _verify(row: Mapping[str, str], session: Session, where: str) -> None:
    """Refuse a row whose input columns are not those of the sheets."""
    for place, screen in enumerate(session.screens, 1):
        for column, is_right in _EXPECTED.items():
            cell = row.get(INPUT + numbered(column, place))
            if cell is None and column == "screen":
                raise UserError(f"{where} has no column {INPUT + numbered(column, place)}. Download the results again.")
            if cell is not None and not is_right(cell, screen):
                raise UserError(
                    f"{where}: {numbered(column, place)} is not what screen {screen.id} of this study shows. "
                    "The file was changed: download the results again."
                )


def _file(cell: str) -> str:
    return cell.strip().rpartition("/")[2]


_EXPECTED = {
    "screen": lambda cell, screen: cell.strip() == screen.id,
    "text": lambda cell, screen: as_text(cell).strip() == as_text(as_html(screen.target_text)).strip(),
    "input": lambda cell, screen: _file(cell) == screen.input_image,
    "left": lambda cell, screen: _file(cell) == screen.left_image,
    "right": lambda cell, screen: _file(cell) == screen.right_image,
}


def _submission(row: Mapping[str, str], session: Session, where: str, study: Study) -> Submission | None:
    id, rater = row["AssignmentId"].strip(), row["WorkerId"].strip()
    given = {name.removeprefix(ANSWER): cell for name, cell in row.items() if name.startswith(ANSWER) and cell}
    if not id and not rater and not given:
        return None
    if not id or not rater:
        raise UserError(
            f"{where} has no {'WorkerId' if id else 'AssignmentId'}. Download the results again, unchanged."
        )
    screens, problem = len(session.screens), ""
    choices: Sequence[str] = [""] * screens
    seconds: Sequence[float | None] = [None] * screens
    try:
        choices, seconds = _answers(given, screens, study.choices())
    except ValueError as error:
        problem = str(error)
    return Submission(
        where,
        id,
        rater,
        session.id,
        tuple(choices),
        tuple(seconds),
        _work_seconds(row.get("WorkTimeInSeconds", ""), where),
        problem,
        simulated=row.get("RequesterAnnotation", "") == SIMULATED,
    )


def _answers(given: dict[str, str], screens: int, choices: Sequence[str]) -> tuple[list[str], list[float | None]]:
    """Return choices and seconds by screen.

    Raises:
        ValueError: something that cannot be read. The rater's browser wrote it, so the submission is unreadable, not
            the file.
    """
    if JSON_ANSWERS in given:
        given = {**given, **_from_json(given[JSON_ANSWERS])}
    flat: dict[str, dict[str, str]] = {}
    for name, value in given.items():
        field, _, option = name.partition(".")
        flat.setdefault(field, {})[option] = value.strip()
    beyond = numbered(CHOICE, screens + 1)
    if beyond in flat and any(flat[beyond].values()):
        raise ValueError(f"there is a {beyond}, and the session has {screens} screens")
    places = range(1, screens + 1)
    found = [_choice(flat.get(numbered(CHOICE, place), {}), choices) for place in places]
    times = [milliseconds(flat.get(numbered(MILLISECONDS, place), {}).get("", "")) for place in places]
    return found, times


def _choice(shapes: dict[str, str], choices: Sequence[str]) -> str:
    """Return the one choice in an answer's columns, "" for none."""
    said = {value for option in ("", "label") if (value := shapes.get(option, ""))}
    for option, value in shapes.items():
        if option in ("", "label"):
            continue
        if value.lower() not in TRUE + FALSE:
            raise ValueError(f"a choice has {option[:20]} = {value[:20]!r}")
        if value.lower() in TRUE:
            said.add(option)
    if len(said) > 1 or not said <= set(choices):
        raise ValueError(f"a choice is {' and '.join(repr(value[:20]) for value in sorted(said))}")
    return said.pop() if said else ""


def _from_json(text: str) -> dict[str, str]:
    """Flatten ``[{"choice_01": {"left": true}}]`` to the columns that it stands for."""
    try:
        content: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"{JSON_ANSWERS} is not JSON") from None
    if isinstance(content, list) and len(content) == 1:
        content = content[0]
    if not isinstance(content, dict):
        raise ValueError(f"{JSON_ANSWERS} is not one object")
    flat: dict[str, str] = {}
    for name, value in content.items():
        for option, cell in value.items() if isinstance(value, dict) else (("", value),):
            flat[f"{name}.{option}" if option else name] = cell if isinstance(cell, str) else json.dumps(cell)
    return flat


def _work_seconds(text: str, where: str) -> float | None:
    try:
        seconds = float(text) if text.strip() else None
    except ValueError:
        seconds = math.nan
    if seconds is not None and not 0 <= seconds < math.inf:
        raise UserError(f"{where}: WorkTimeInSeconds is {text[:20]!r}. Download the results again, unchanged.")
    return seconds
