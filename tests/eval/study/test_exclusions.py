"""Why a submission does not count: each rule alone, at its limit, and what no rule can make usable."""

from __future__ import annotations

from dataclasses import replace

import pytest

from eval.study.answers.exclusions import reasons, seconds_a_screen
from eval.study.answers.submission import Submission
from eval.study.design.definition import Rules


@pytest.fixture
def study(define_study):
    """A practice screen, four main ones, the repeat of the first and an attention screen."""
    return define_study(practice=True, attention=True)


@pytest.fixture
def careful(study):
    """A submission that breaks no rule."""
    choices = []
    for screen in study.sessions[0].screens:
        choices.append({"repeat": "right", "attention": screen.ours_side}.get(screen.kind, "left"))
    return Submission("line 2", "A1", "anna", study.sessions[0].id, tuple(choices), (2.0,) * len(choices))


def place_of(study, kind):
    return [screen.kind for screen in study.sessions[0].screens].index(kind)


def answered(submission, place, choice):
    choices = list(submission.choices)
    choices[place] = choice
    return replace(submission, choices=tuple(choices))


def why(study, *submissions):
    return reasons(submissions, study)[0]


def test_a_careful_submission_counts(study, careful):
    assert why(study, careful) == {}


def test_an_unanswered_screen_excludes(study, careful):
    assert why(study, answered(careful, place_of(study, "main"), "")) == {"incomplete": "6 of 7 screens answered"}


@pytest.mark.parametrize(("choice", "excluded"), [("left", True), ("right", False), ("tie", False)])
def test_who_chooses_the_same_side_of_swapped_sides_contradicts_himself_and_a_tie_does_not(
    study, careful, choice, excluded
):
    assert ("repeat" in why(study, answered(careful, place_of(study, "repeat"), choice))) == excluded


def test_a_wrong_attention_screen_excludes(study, careful):
    place = place_of(study, "attention")
    wrong = study.sessions[0].screens[place].opponent_side
    assert why(study, answered(careful, place, wrong)) == {"attention": "1 of 1 attention screens wrong"}


@pytest.mark.parametrize(("seconds", "excluded"), [(0.99, True), (1.0, False)])
def test_the_median_time_of_all_but_practice_is_held_against_the_limit(study, careful, seconds, excluded):
    times = [0.0, *(60.0, 60.0), *(seconds,) * 4]  # a short practice, and two long screens, change no median
    assert ("speed" in why(study, replace(careful, seconds=tuple(times)))) == excluded


def test_where_the_page_took_no_times_the_platforms_clock_counts(study, careful):
    untimed = replace(careful, seconds=(None,) * 7, work_seconds=3.5)
    assert seconds_a_screen(untimed, study.sessions[0]) == 0.5
    assert why(study, untimed) == {"speed": "0.50 s a screen, and at least 1 are wanted"}
    assert why(study, replace(untimed, work_seconds=None)) == {}


def test_every_broken_rule_is_named(study, careful):
    harmed = answered(careful, place_of(study, "repeat"), "left")
    assert why(study, replace(harmed, seconds=(0.1,) * 7)).keys() == {"repeat", "speed"}


def test_rules_that_are_off_exclude_nobody(study, careful):
    lax = replace(study, rules=Rules(repeat_must_agree=False, attention_must_pass=False, min_seconds=0))
    harmed = replace(answered(careful, place_of(study, "repeat"), "left"), seconds=(0.0,) * 7)
    wrong = study.sessions[0].screens[place_of(study, "attention")].opponent_side
    assert why(lax, answered(harmed, place_of(study, "attention"), wrong)) == {}


def test_what_cannot_be_used_is_named_before_any_rule(study, careful):
    assert why(study, replace(careful, problem="a choice is 'x'")) == {"unreadable": "a choice is 'x'"}
    assert why(study, replace(careful, status="rejected")) == {"rejected": "the requester rejected it"}
    assert why(study, replace(careful, choices=("",) * 7)) == {"no answers": "it is blank"}


def test_of_two_whole_submissions_of_a_rater_the_first_counts(study, careful):
    first, second = reasons([careful, replace(careful, where="line 3", id="A2")], study)
    assert (
        first == {} and second.keys() == {"answered before"} and second["answered before"].startswith("line 2 counts")
    )
