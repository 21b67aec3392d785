"""Rows of Mechanical Turk's and Turkle's results: every shape that answers come in, and what is refused."""

from __future__ import annotations

import json

import pytest

from eval.study.answers.mturk_results import read_turk
from eval.study.answers.submission import SIMULATED, AnswerRow
from eval.study.sheets.mturk import as_html, numbered
from tedbench.errors import UserError

SIDES = ["left", "right", "left", "right", "left"]
NATIVE = {numbered("choice", place): side for place, side in enumerate(SIDES, 1)}


@pytest.fixture
def study(define_study):
    return define_study()


@pytest.fixture
def read(study):
    """Reads one row of the study's only session with these answers and changed cells."""

    def do(answers, study=study, **changes):
        session = study.sessions[0]
        row = {"AssignmentId": "A1", "WorkerId": "W1", "Input.study": study.tag, "Input.session": session.id}
        for place, screen in enumerate(session.screens, 1):
            row[f"Input.{numbered('screen', place)}"] = screen.id
            row[f"Input.{numbered('text', place)}"] = as_html(screen.target_text)
            for side in ("input", "left", "right"):
                row[f"Input.{numbered(side, place)}"] = f"https://example.org/x/{getattr(screen, f'{side}_image')}"
        row |= {f"Answer.{name}": value for name, value in answers.items()}
        row |= {name.replace("__", "."): value for name, value in changes.items()}
        (found,) = read_turk("results.csv", list(row), [AnswerRow("results.csv, line 2", list(row.values()))], study)
        return found

    return do


SHAPES = {
    "radios": NATIVE,
    "a column an option": {
        f"{name}.{side}": str(side == chosen).lower() for name, chosen in NATIVE.items() for side in ("left", "right")
    },
    "crowd-classifier": {f"{name}.label": side for name, side in NATIVE.items()},
    "crowd-form": {"taskAnswers": json.dumps([NATIVE])},
    "crowd-form of options": {
        "taskAnswers": json.dumps([{n: {s: s == chosen for s in ("left", "right")} for n, chosen in NATIVE.items()}])
    },
}


@pytest.mark.parametrize("shape", SHAPES)
def test_answers_are_the_same_in_every_shape(read, shape):
    found = read(SHAPES[shape])
    assert found.choices == tuple(SIDES) and found.problem == "" and found.complete
    assert (found.id, found.rater, found.where) == ("A1", "W1", "results.csv, line 2")


def test_times_are_seconds_and_an_unknown_one_is_none(read):
    found = read(NATIVE | {"ms_01": "1500", "ms_03": ""}, WorkTimeInSeconds="60")
    assert found.seconds == (1.5, None, None, None, None) and found.work_seconds == 60
    assert read(NATIVE).work_seconds is None


def test_an_unanswered_screen_is_empty_and_the_submission_incomplete(read):
    found = read({**NATIVE, "choice_02": ""})
    assert found.choices == ("left", "", "left", "right", "left") and not found.complete and not found.problem


def test_a_session_that_nobody_answered_is_none(read):
    assert read(dict.fromkeys(NATIVE, ""), AssignmentId="", WorkerId="") is None


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ({"choice_01": "tie"}, "a choice is 'tie'"),
        ({"choice_01.left": "true", "choice_01.right": "true"}, "a choice is 'left' and 'right'"),
        ({"choice_01.left": "perhaps"}, "a choice has left = 'perhaps'"),
        ({"choice_06": "left"}, "there is a choice_06, and the session has 5 screens"),
        ({"ms_01": "-3"}, "a time is '-3'"),
        ({"taskAnswers": "{"}, "taskAnswers is not JSON"),
        ({"taskAnswers": "[1, 2]"}, "taskAnswers is not one object"),
    ],
)
def test_what_the_page_does_not_write_is_a_problem_of_the_submission_alone(read, answers, problem):
    assert read(answers).problem == problem


def test_where_ties_are_offered_one_can_be_chosen(read, define_study):
    assert read({**NATIVE, "choice_02": "tie"}, study=define_study(ties=True)).choices[1] == "tie"


def test_simulated_answers_say_so(read):
    assert read(NATIVE, RequesterAnnotation=SIMULATED).simulated and not read(NATIVE).simulated


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Input__study": "other"}, "is an answer to study other"),
        ({"Input__session": "ses999"}, "has no session 'ses999'"),
        ({"Input__screen_01": "scr000x02"}, "screen_01 is not what screen scr000x01"),
        ({"Input__left_02": "https://example.org/x/other.png"}, "left_02 is not what screen"),
        ({"Input__text_01": "A lying cat."}, "text_01 is not what screen"),
        ({"WorkerId": ""}, "has no WorkerId"),
        ({"AssignmentId": ""}, "has no AssignmentId"),
        ({"WorkTimeInSeconds": "long"}, "WorkTimeInSeconds is 'long'"),
    ],
)
def test_a_row_that_is_not_of_the_studys_sheets_is_refused(read, changes, words):
    with pytest.raises(UserError, match=f"results.csv, line 2.*{words}"):
        read(NATIVE, **changes)


def test_a_file_without_a_column_says_which_and_a_batch_is_told_from_its_results(study):
    with pytest.raises(UserError, match="has no column AssignmentId; it begins with 'WorkerId'"):
        list(read_turk("r.csv", ["WorkerId"], [], study))
    header = ["AssignmentId", "WorkerId", "Input.study", "Input.session"]
    with pytest.raises(UserError, match="it is the batch, not its results"):
        list(read_turk("r.csv", header, [], study))
