"""A small study with real sheets, and answers to it in every format."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from eval.study.design.definition import (
    PRIVATE,
    PUBLIC,
    SECRET,
    Rules,
    Screen,
    Session,
    Study,
    StudyEdit,
    StudyMethod,
    write_study,
)
from eval.study.sheets.cost import StudyCost
from eval.study.sheets.sheets import SheetTexts, write_sheets

HOSTILE = (
    '<script>alert("x")</script>',
    "${left_01} a, b; 'c'\nnext \"line\"",
    '=cmd|"/c calc"!A1',
    "@SUM(1)",
    "NA",
    "'quoted",
    "-1",
    "😀 كلب \u202edog",
    "A photo of a dog.",
    "+1",
)


@pytest.fixture(scope="session", autouse=True)
def few_simulations() -> Iterator[None]:
    """The page of a prepared study tells a power of few simulated studies, each of which takes 2 ms."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eval.study.sheets.preparation.ROUNDS", 5)
        yield


class Ways(NamedTuple):
    """How a made study differs from the usual one."""

    methods: tuple[str, ...] = ("imagic", "sdedit")
    sessions: int = 4
    screens: int = 6
    pairs: int = 12
    images: int = 8
    attention: bool = False
    practice: bool = False
    repeat: bool = True
    ties: bool = False
    all_against_all: bool = False
    rules: Rules = Rules()
    assignments: int = 2
    seed: int = 0
    texts: Sequence[str] = ("A sitting dog.",)


def made_study(how: Ways, folders: Sequence[str] = ()) -> Study:
    """Sessions of random pairs, opponents and sides."""
    rng = np.random.default_rng(how.seed)
    first, *others = how.methods
    both = [(first, other) for other in others]
    if how.all_against_all:
        both = [(a, b) for i, a in enumerate(how.methods) for b in how.methods[i + 1 :]]

    def screen(session: int, place: int, pair: int, kind: str = "main", of: Screen | None = None) -> Screen:
        id, text = f"scr{session:03d}x{place:02d}", how.texts[pair % len(how.texts)]
        ours, opponent = both[int(rng.integers(len(both)))]
        side = "left" if rng.random() < 0.5 else "right"
        if of is not None:
            ours, opponent, side = of.ours, of.opponent, of.opponent_side
        if kind == "attention":
            opponent = ours
        names = (f"{id}{letter}.png" for letter in "ilr")
        of_id = of.id if of else ""
        return Screen(id, f"pair{pair}", f"img{pair % how.images}.png", text, ours, opponent, side, kind, of_id, *names)

    sessions = []
    for number in range(how.sessions):
        pairs = rng.permutation(how.pairs)[: how.screens].tolist()
        screens = [screen(number, 0, pairs[0], "practice")] if how.practice else []
        screens += [screen(number, place, pair) for place, pair in enumerate(pairs, 1)]
        if how.repeat:
            again = next(s for s in screens if s.kind == "main")
            screens.append(screen(number, 50, pairs[0], "repeat", again))
        if how.attention:
            screens.append(screen(number, 60, pairs[1], "attention"))
        sessions.append(Session(f"ses{number:03d}", tuple(screens)))
    methods = tuple(
        StudyMethod(
            name, f"{name}-1234abcd", folders[i] if folders else f"nowhere/{name}", "the only image of each pair"
        )
        for i, name in enumerate(how.methods)
    )
    edits = tuple(StudyEdit(f"pair{pair}", name, 0.5, 0) for name in how.methods for pair in range(how.pairs))
    question = "Which edit is better?"
    return Study(
        "Made (synthetic)", question, how.ties, methods, how.all_against_all, how.rules, how.assignments, how.seed,
        tuple(sessions), edits,
    )  # fmt: skip


@pytest.fixture
def hostile():
    return HOSTILE


@pytest.fixture
def define_study():
    """Gives a study without its folder: of one session of four main screens and a repeat, unless other ways are given."""
    return lambda **ways: made_study(Ways(**{"sessions": 1, "screens": 4, **ways}))


@pytest.fixture
def make_study(tmp_path):
    """Writes a study's folder with its definition, secret and sheets; gives the folder and the study."""

    def make(folder="study", **ways):
        study, path = made_study(Ways(**ways)), tmp_path / folder
        write_study(path, study)
        (path / PRIVATE / SECRET).write_text("5ec2e7\n")
        (path / PUBLIC).mkdir()
        words = SheetTexts("Compare", "Choose.", "image", "I agree.")
        cost = StudyCost(12, 8, len(study.sessions[0].screens), len(study.sessions), study.assignments)
        write_sheets(path / PUBLIC, study, words, cost, url="https://example.org/s/", per_file=3)
        return path, study

    return make


@pytest.fixture
def simulated(make_study):
    """A study's folder, the study, and the table of a simulated results file."""
    from eval.study.answers.raters import Population
    from eval.study.answers.simulated_results import simulated_results

    def make(shares=None, population=None, raters=None, seed=0, **ways):
        path, study = make_study(**ways)
        shares = shares or {method.name: 0.7 for method in study.methods[1:]}
        return path, study, simulated_results(path, study, shares, population or Population(), raters, seed)

    return make


@pytest.fixture
def write(tmp_path):
    """Writes a table as the platforms do: every cell quoted, CRLF."""

    def do(table: pd.DataFrame, name="results.csv", encoding="utf-8", **options):
        file = tmp_path / name
        options = {"quoting": csv.QUOTE_ALL, "lineterminator": "\r\n", **options}
        table.to_csv(file, index=False, encoding=encoding, **options)
        return file

    return do
