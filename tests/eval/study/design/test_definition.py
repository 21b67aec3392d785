"""The study's definition: what is written comes back, and what was changed is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from eval.study.design.definition import (
    DEFINITION,
    PRIVATE,
    Rules,
    Screen,
    Session,
    Study,
    StudyEdit,
    StudyMethod,
    read_study,
    write_study,
)
from tedbench.errors import UserError

METHODS = (StudyMethod("imagic", "imagic-1", "runs/a", "best"), StudyMethod("sdedit", "sdedit-2", "runs/b", "picked"))


def screen(id, side="left", kind="main", repeat_of=""):
    names = (f"{id}{i}.jpg" for i in range(3))
    return Screen(id, "p", "p.png", 'A "dog",\n😀 NA', "imagic", "sdedit", side, kind, repeat_of, *names)


STUDY = Study(
    "tedbench",
    "Which is better?",
    False,
    METHODS,
    False,
    Rules(),
    3,
    0,
    (Session("s", (screen("a"), screen("b", "right", "repeat", "a"))),),
    (StudyEdit("p", "imagic", 0.7, 0), StudyEdit("p", "sdedit", 1, 0)),
    {"q": "missing"},
)


def test_what_is_written_comes_back(tmp_path):
    write_study(tmp_path, STUDY)
    assert read_study(tmp_path) == STUDY
    assert [shown.id for _, shown in STUDY.screens()] == ["a", "b"]
    assert STUDY.choices() == ("left", "right") and replace(STUDY, ties=True).choices()[-1] == "tie"


def test_another_side_or_rule_is_another_study():
    other = replace(STUDY, rules=Rules(min_seconds=2.0))
    assert len({STUDY.tag, other.tag, replace(STUDY, seed=1).tag}) == 3 and STUDY.sha256.startswith(STUDY.tag)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda study: study["rules"].update(min_seconds=0.5), "not what its sha256 says"),
        (lambda study: study["sessions"][0]["screens"][0].update(ours_side="right"), "sides swapped"),
        (lambda study: study["sessions"][0]["screens"][0].update(ours_side="middle"), "ours_side is 'middle'"),
        (lambda study: study["sessions"][0]["screens"][0].update(extra=1), "other fields"),
        (lambda study: study["sessions"][0]["screens"][0].update(id="b"), "occurs twice"),
        (lambda study: study["methods"][0].update(name="x"), "is of imagic and sdedit"),
        (lambda study: study.update(ties="yes"), "ties is 'yes'"),
        (lambda study: study.pop("seed"), "other fields"),
    ],
)
def test_a_changed_definition_is_refused(tmp_path, change, words):
    write_study(tmp_path, STUDY)
    path = tmp_path / PRIVATE / DEFINITION
    content = json.loads(path.read_text())
    change(content["study"])
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="was changed after the study was prepared") as told:
        read_study(tmp_path)
    assert words in str(told.value)


def test_what_is_no_study_says_so(tmp_path):
    with pytest.raises(UserError, match="is not a study"):
        read_study(tmp_path)
    (tmp_path / PRIVATE).mkdir()
    for text in ("{", "[]", '{"format": 1}'):
        (tmp_path / PRIVATE / DEFINITION).write_text(text)
        with pytest.raises(UserError, match="was changed"):
            read_study(tmp_path)
    (tmp_path / PRIVATE / DEFINITION).write_text('{"format": 9, "sha256": "", "study": {}}')
    with pytest.raises(UserError, match="format 9"):
        read_study(tmp_path)
