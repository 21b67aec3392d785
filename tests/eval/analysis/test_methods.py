"""Which image of each pair stands for a method, and how runs are given and called."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from eval.analysis.methods import folders, pick
from tedbench.errors import UserError
from tedbench.method import Axis

from .parts import method_of, samples_of

AXIS = Axis("eta", "η", (0.0, 0.5, 1.0))
ROWS = [(pair, "a", strength, "") for pair in ("dog", "cat") for strength in AXIS.grid]


@pytest.fixture
def run(tmp_path):
    """A folder in which nothing was chosen."""
    return SimpleNamespace(folder=Path(tmp_path))


def test_where_nothing_was_chosen_the_middle_strength_stands_and_is_called_arbitrary(run):
    picked = pick("mine", run, AXIS, samples_of(ROWS), None)
    assert set(picked.images["strength"]) == {0.5} and picked.by_default
    assert "none was chosen" in picked.rule and "for all pairs" in picked.rule


def test_a_strength_that_is_asked_for_stands_for_all_pairs(run):
    picked = pick("mine", run, AXIS, samples_of(ROWS), 1.0)
    assert picked.images["strength"].tolist() == [1.0, 1.0] and not picked.by_default
    with pytest.raises(UserError, match=r"mine has no strength 0\.7\. It has 0, 0\.5, 1\."):
        pick("mine", run, AXIS, samples_of(ROWS), 0.7)


def test_of_several_seeds_the_lowest_stands(run):
    samples = samples_of([*ROWS, *ROWS])
    samples["seed"] = [7] * 6 + [3] * 6
    picked = pick("mine", run, AXIS, samples, 0.5)
    assert set(picked.images["seed"]) == {3} and "seed 3" in picked.rule


def test_failed_images_stand_for_nothing(run):
    picked = pick("mine", run, AXIS, samples_of([("dog", "a", 0.5, ""), ("cat", "a", 0.5, "it burned")]), 0.5)
    assert picked.images["pair_id"].tolist() == ["dog"]


def test_why_a_pair_has_no_image():
    rows = [("dog", "a", 0.5, ""), ("cat", "a", 0.5, "it burned"), ("cow", "b", 1.0, ""), ("hen", "b", 1.0, "")]
    method = method_of("mine", samples_of(rows), 0.5)
    method = method._replace(picked=method.picked._replace(left_out={"hen": "below the threshold"}))
    lacks = {pair: method.lacks(pair) for pair in ("dog", "cat", "cow", "hen", "ox")}
    assert lacks == {
        "dog": None,
        "cat": "failed, it burned",
        "cow": "no image chosen",
        "hen": "below the threshold",
        "ox": "not in the run",
    }


def test_runs_are_folders_or_folders_by_name():
    assert folders(["runs/a", 7]) == ["runs/a", "7"]
    assert folders({"mine": "runs/a", 3: "runs/b"}) == {"mine": "runs/a", "3": "runs/b"}
    for wrong in ([], {}, "runs/a", None, [["runs/a"]]):
        with pytest.raises(UserError, match="Give the runs' folders"):
            folders(wrong)


def test_a_strength_that_only_some_pairs_have_is_not_the_middle(run):
    axis, few = Axis("eta", "η", (0.0, 0.5, 0.7, 0.8, 1.0)), [("p0", "a", 0.7, ""), ("p0", "a", 0.8, "")]
    rows = [(f"p{n}", "a", strength, "") for n in range(4) for strength in AXIS.grid]
    picked = pick("mine", run, axis, samples_of([*rows, *few]), None)
    assert picked.images["strength"].tolist() == [0.5] * 4


def test_a_seed_that_only_some_pairs_have_stands_for_nothing_and_one_that_most_have_does(run):
    rows = [(f"p{n}", "a", strength, "") for n in range(4) for strength in AXIS.grid]
    samples = samples_of([*rows, ("p0", "a", 0.5, "")])
    samples["seed"] = [1] * len(rows) + [0]
    assert set(pick("mine", run, AXIS, samples, None).images["seed"]) == {1}
    samples = samples_of([row for row in rows if row[:3] != ("p1", "a", 0.5)])
    assert len(pick("mine", run, AXIS, samples, None).images) == 3
