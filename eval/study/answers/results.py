"""Answer files: Mechanical Turk's and Turkle's results, one submission a row, and the plain long CSV, one answer a row.

The long CSV has the columns ``study`` (the study's tag), ``session``, ``screen`` (ids), ``rater``, ``choice`` and, if
known, ``submission`` (otherwise a rater's answers to a session are one) and ``ms`` (milliseconds on the screen). Both
may have the status of a submission (:mod:`eval.study.answers.statuses`) and the time at which it was submitted
(:mod:`eval.study.answers.submit_times`).
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from eval.runs.files import file_digest
from eval.study.answers.long_results import read_long
from eval.study.answers.mturk_results import read_turk
from eval.study.answers.statuses import later_status
from eval.study.answers.submission import AnswerRow, Submission, check_id
from eval.study.answers.submit_times import later_time
from eval.study.design.definition import Study
from tedbench.errors import UserError


class AnswerFile(NamedTuple):
    """A file that was read: its name, format, digest and number of rows."""

    name: str
    kind: str
    sha256: str
    rows: int


class Answers(NamedTuple):
    """The contents of the files.

    Attributes:
        submissions: in the order of the files, each once.
        files: see :class:`AnswerFile`.
        duplicates: number of submissions that were read again under the same id.
        unanswered: number of rows of sessions that nobody answered.
    """

    submissions: list[Submission]
    files: list[AnswerFile]
    duplicates: int
    unanswered: int


def read_answers(paths: Sequence[Path], study: Study) -> Answers:
    """Read all submissions of the files.

    A submission that occurs twice (in a file that was downloaded again, also while raters were at work) counts once,
    with all the answers that any file has, and with the status that is not undecided.

    Raises:
        UserError: a file cannot be read, is of another study or was changed, or two rows contradict each other; the
            message says where.
    """
    found: dict[str, Submission] = {}
    files, duplicates, unanswered = [], 0, 0
    for path in paths:
        header, rows = _open(path)
        if {"study", "screen", "choice"} <= {name.lower() for name in header}:
            kind = "long CSV"
            submissions: Iterable[Submission | None] = read_long(path.name, header, rows, study)
        else:
            kind = "Turkle" if "Turkle.Username" in header else "Mechanical Turk"
            submissions = read_turk(path.name, header, rows, study)
        count = 0
        for submission in submissions:
            count += 1
            if submission is None:
                unanswered += 1
                continue
            for column, id in (("rater", submission.rater), ("submission", submission.id)):
                check_id(id, column, submission.where)
            if submission.id in found:
                found[submission.id] = _merged(found[submission.id], submission)
                duplicates += 1
            else:
                found[submission.id] = submission
        if not count:
            raise UserError(f"{path} holds no answers, only a header. Give a results file with rows.")
        files.append(AnswerFile(path.name, kind, file_digest(path), count))
    if len({submission.simulated for submission in found.values()}) > 1:
        raise UserError("Some of these answers are simulated and some are not. Analyze them apart.")
    _require_one_spelling(found.values())
    return Answers(list(found.values()), files, duplicates, unanswered)


def _merged(old: Submission, new: Submission) -> Submission:
    """Merge one submission that two files have, or one file has twice."""

    def same(*values: object) -> bool:
        return len(set(values) - {None, ""}) < 2

    what = ""
    if any(
        getattr(old, name) != getattr(new, name) for name in ("rater", "session", "problem", "simulated")
    ) or not all(map(same, old.choices, new.choices)):
        what = "another answer"
    elif not all(map(same, old.seconds, new.seconds)) or not same(old.work_seconds, new.work_seconds):
        what = "another time that an answer took"
    if what:
        raise UserError(
            f"{new.where} has {what} under the AssignmentId of {old.where} ({old.id.replace(chr(0), ' ')}). "
            "Download the results again, unchanged."
        )
    status = later_status(old.status, new.status)
    if status is None:
        raise UserError(
            f"{new.where} says that {old.id.replace(chr(0), ' ')} was {new.status}, and {old.where} that it was {old.status}. "
            "Leave out the one that no longer holds."
        )
    return replace(
        old,
        choices=tuple(a or b for a, b in zip(old.choices, new.choices, strict=True)),
        seconds=tuple(b if a is None else a for a, b in zip(old.seconds, new.seconds, strict=True)),
        work_seconds=new.work_seconds if old.work_seconds is None else old.work_seconds,
        status=status,
        submitted=later_time(old.submitted, new.submitted),
    )


def _require_one_spelling(submissions: Iterable[Submission]) -> None:
    """Refuse raters whose ids differ in capitals or spaces only: the intervals would count one person as two."""
    seen: dict[str, Submission] = {}
    for submission in submissions:
        first = seen.setdefault("".join(submission.rater.split()).casefold(), submission)
        if first.rater != submission.rater:
            raise UserError(
                f"{submission.where} has the rater {submission.rater!r}, and {first.where} {first.rater!r}: they differ in "
                "capitals or spaces only. Write one person's id in one way."
            )


def _open(path: Path) -> tuple[list[str], Iterator[AnswerRow]]:
    """Return a file's header and rows; both are checked as they are read."""
    rows = _rows(path)
    try:
        header = [name.strip() for name in next(rows).cells]
    except StopIteration:
        raise UserError(f"{path} is empty. Give a results file.") from None
    twice = next((name for place, name in enumerate(header) if name and name in header[:place]), None)
    if twice:
        raise UserError(f"{path} has the column {twice} twice. Download the results again, unchanged.")

    def checked() -> Iterator[AnswerRow]:
        for row in rows:
            if not any(map(str.strip, row.cells)):
                continue
            while len(row.cells) > len(header) and not row.cells[-1].strip():
                row.cells.pop()
            if len(row.cells) != len(header):
                raise UserError(
                    f"{row.where} has {len(row.cells)} cells under {len(header)} columns. "
                    "Download the results again, unchanged."
                )
            yield row

    return header, checked()


def _rows(path: Path) -> Iterator[AnswerRow]:
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True, delimiter=_delimiter(file.readline()))
            file.seek(0)
            try:
                for cells in reader:
                    yield AnswerRow(f"{path.name}, line {reader.line_num}", cells)
            except csv.Error as error:
                raise UserError(
                    f"{path.name}, line {reader.line_num}: {error}. Download the results again, unchanged."
                ) from None
    except FileNotFoundError:
        raise UserError(f"answers={path} does not exist. Check the path.") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not in UTF-8 (byte {error.start}). Save it as UTF-8.") from None
    except OSError as error:
        raise UserError(f"answers={path} cannot be read ({error.strerror}). Give a CSV file.") from None


def _delimiter(line: str) -> str:
    """Return the delimiter of a header: a comma or, if a spreadsheet saved it, a semicolon or tab."""
    return max((",", ";", "\t"), key=line.count)
