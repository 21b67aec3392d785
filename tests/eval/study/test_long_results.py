"""A plain CSV with one answer a row: how rows become submissions, and what contradicts."""

from __future__ import annotations

import pytest

from eval.study.answers.long_results import REQUIRED, read_long
from eval.study.answers.submission import AnswerRow
from tedbench.errors import UserError


@pytest.fixture
def study(define_study):
    return define_study(sessions=2)


@pytest.fixture
def read(study):
    """Reads rows of (screen's place, choice, and other cells) in the first session."""

    def do(*rows, columns=()):
        session, lines = study.sessions[0], []
        for number, (place, choice, *more) in enumerate(rows, 2):
            cells = [study.tag, session.id, session.screens[place].id, "anna", choice, *more]
            lines.append(AnswerRow(f"answers.csv, line {number}", cells))
        return list(read_long("answers.csv", [*REQUIRED, *columns], lines, study))

    return do


def test_rows_in_any_order_are_one_submission_in_the_order_of_the_screens(read):
    (found,) = read((2, "right"), (0, "left"), (1, ""))
    assert found.choices == ("left", "", "right", "", "") and found.rater == "anna"
    assert found.where == "answers.csv, line 2" and not found.complete and found.seconds == (None,) * 5


def test_a_column_submission_tells_two_submissions_of_a_rater_apart(read):
    first, second = read((0, "left", "s1"), (0, "right", "s2"), columns=["submission"])
    assert (first.id, first.choices[0], second.id, second.choices[0]) == ("s1", "left", "s2", "right")


def test_columns_are_found_in_any_case_and_others_are_ignored(study):
    session = study.sessions[0]
    header = ["Rater", "remarks", "STUDY", "Session", "Screen", "Choice", "MS"]
    cells = ["anna", "none", study.tag, session.id, session.screens[0].id, "left", "700"]
    (found,) = read_long("a.csv", header, [AnswerRow("line 2", cells)], study)
    assert found.choices[0] == "left" and found.seconds[0] == 0.7


def test_the_same_answer_twice_is_one_and_another_one_contradicts(read):
    (found,) = read((0, ""), (0, "left"), (0, "left"))
    assert found.choices[0] == "left"
    with pytest.raises(UserError, match=r"line 3 answers screen scr000x01 again, otherwise"):
        read((0, "left"), (0, "right"))
    with pytest.raises(UserError, match="again, in another time"):
        read((0, "left", "500"), (0, "left", "600"), columns=["ms"])


def test_a_choice_or_time_that_is_none_is_a_problem_of_the_submission_alone(read):
    assert read((0, "banana"), (1, "left"))[0].problem == "a choice is 'banana'"
    assert read((0, "left", "soon"), columns=["ms"])[0].problem == "a time is 'soon'"


@pytest.mark.parametrize(
    ("at", "cell", "words"),
    [
        (0, "other", "is an answer to study other"),
        (1, "ses001", "has no screen 'scr000x01' in a session 'ses001'"),
        (2, "scr9", "has no screen 'scr9'"),
        (3, "", "has no rater"),
    ],
)
def test_a_row_of_something_else_is_refused(study, at, cell, words):
    cells = [study.tag, study.sessions[0].id, study.sessions[0].screens[0].id, "anna", "left"]
    cells[at] = cell
    with pytest.raises(UserError, match=f"line 2.*{words}"):
        list(read_long("a.csv", list(REQUIRED), [AnswerRow("line 2", cells)], study))


def test_a_column_that_lacks_or_is_there_twice_is_named(study):
    with pytest.raises(UserError, match="has no column rater"):
        list(read_long("a.csv", ["study", "session", "screen", "choice"], [], study))
    with pytest.raises(UserError, match="has the column choice twice"):
        list(read_long("a.csv", [*REQUIRED, "Choice"], [], study))


def test_two_raters_or_sessions_under_one_submission_are_refused(study):
    session = study.sessions[0]
    rows = [
        AnswerRow(f"line {n}", [study.tag, session.id, session.screens[0].id, rater, "left", "s1"])
        for n, rater in ((2, "anna"), (3, "bert"))
    ]
    with pytest.raises(UserError, match="line 3 is of another rater or session than line 2"):
        list(read_long("a.csv", [*REQUIRED, "submission"], rows, study))
