"""DrawnScreen screens become a study: every picture on every screen has a file of its own, whose name tells nothing."""

from __future__ import annotations

import pytest

from eval.study.design.assembly import assemble
from eval.study.design.definition import Rules, StudyMethod
from eval.study.design.material import INPUT, StudyMaterial
from eval.study.design.screens import DrawnScreen, StudyPair

DOG, CAT = StudyPair("dog", "a"), StudyPair("cat", "b")
FILES = {
    (pair, method): f"{pair} by {method or 'nobody'}".encode()
    for pair in ("dog", "cat")
    for method in ("ours", "theirs", INPUT)
}
DRAWN = [
    DrawnScreen(DOG, "ours", "theirs", "left"),
    DrawnScreen(CAT, "ours", "theirs", "right"),
    DrawnScreen(DOG, "ours", "theirs", "right", "repeat", repeat_of=0),
    DrawnScreen(CAT, "ours", "ours", "left", "attention", foreign=DOG),
]


@pytest.fixture
def assembled():
    """Assembles these sessions of screens."""
    methods = tuple(StudyMethod(name, f"{name}-1234", f"runs/{name}", "by hand") for name in ("ours", "theirs"))
    about = {"dog": ("a.png", "A dog."), "cat": ("b.png", "A cat.")}
    material = StudyMaterial(
        "Pairs", methods, False, [("ours", "theirs")], [DOG, CAT], about, (), FILES, 16, {"cow": "it burned"}, {}, [], []
    )  # fmt: skip

    def do(*sessions, secret=b"secret"):
        fixed = {"question": "Which?", "ties": True, "rules": Rules(), "assignments": 3, "seed": 7, "format": "png"}
        return assemble(material, sessions or [DRAWN], **fixed, secret=secret)

    return do


def test_each_picture_is_the_one_that_was_drawn_on_the_side_that_was_drawn(assembled):
    study, files = assembled()
    shown = [
        (files[s.input_image].decode(), files[s.left_image].decode(), files[s.right_image].decode())
        for s in study.sessions[0].screens
    ]
    assert shown == [
        ("dog by nobody", "dog by ours", "dog by theirs"),
        ("cat by nobody", "cat by theirs", "cat by ours"),
        ("dog by nobody", "dog by theirs", "dog by ours"),
        ("cat by nobody", "cat by ours", "dog by ours"),  # the wrong answer is an edit of another input
    ]


def test_screens_say_what_was_drawn_and_a_repeat_which_screen_it_repeats(assembled):
    first, second, repeat, attention = assembled()[0].sessions[0].screens
    assert (first.source_group, first.target_text, first.ours_side, first.opponent_side) == (
        "a.png",
        "A dog.",
        "left",
        "right",
    )
    assert repeat.repeat_of == first.id and second.repeat_of == attention.repeat_of == ""
    assert [s.kind for s in (first, second, repeat, attention)] == ["main", "main", "repeat", "attention"]


def test_no_file_name_or_id_is_used_twice_though_pictures_are(assembled):
    study, files = assembled(DRAWN, DRAWN)
    screens = [screen for session in study.sessions for screen in session.screens]
    names = [name for s in screens for name in (s.input_image, s.left_image, s.right_image)]
    assert len(files) == len(set(names)) == 2 * 4 * 3 and set(names) == set(files)
    ids = [screen.id for screen in screens] + [session.id for session in study.sessions]
    assert len(set(ids)) == len(ids)


def test_names_hang_on_the_secret_alone(assembled):
    (one, files), (again, _), (other, others) = assembled(), assembled(), assembled(secret=b"another")
    assert one == again
    assert not set(files) & set(others) and one.sessions[0].id != other.sessions[0].id
    told = " ".join([*files, one.sessions[0].id, *(screen.id for screen in one.sessions[0].screens)])
    assert not any(word in told for word in ("ours", "theirs", "dog", "cat"))


def test_the_study_keeps_what_it_was_given(assembled):
    study, _ = assembled()
    assert (study.question, study.ties, study.assignments, study.seed) == ("Which?", True, 3, 7)
    assert study.left_out == {"cow": "it burned"} and [method.name for method in study.methods] == ["ours", "theirs"]
