"""A choice kept in a run's folder."""

from __future__ import annotations

import pandas as pd
import pytest

from eval.analysis.selection import CHOICE_COLUMNS, Choice, chosen, keep
from eval.runs.writer import RunWriter
from tedbench.errors import UserError
from tedbench.method import Sample
from tedbench.pair import EditPair, Entry
from tests.made_runs import made_config

CONFIG = made_config("m", "n")


@pytest.fixture
def run(tmp_path, noise_image):
    run = RunWriter.create(tmp_path / "run", CONFIG)
    for name in ("NA", "b.png"):
        pair = EditPair(Entry(name, "A dog."), noise_image())
        run.write_shard(pair, [Sample(0.1 + 0.2, 3, pair.image)])
    return run


@pytest.fixture
def choice(run):
    first, second = run.samples().to_dict("records")
    images = pd.DataFrame([first], columns=list(CHOICE_COLUMNS))
    return Choice(
        "best: of all, η ≥ 0",
        images,
        {second["pair_id"]: 'not "picked", yet'},
        {first["pair_id"]: "the most faithful"},
        {"threshold": 0.8},
    )


def test_a_run_without_a_choice_has_none(run):
    assert chosen(run) is None


def test_what_is_kept_comes_back(run, choice):
    keep(run, choice)
    again = chosen(run)
    assert (again.rule, again.left_out, again.notes, again.parameters) == (
        choice.rule,
        choice.left_out,
        choice.notes,
        choice.parameters,
    )
    pd.testing.assert_frame_equal(again.images, choice.images, check_dtype=False, check_exact=True)
    assert again.images["seed"].dtype == int and again.images["strength"].dtype == float
    assert again.coverage == "1 of 2"


def test_a_choice_of_nothing_comes_back(run, choice):
    keep(run, Choice("none", choice.images.iloc[:0], {"a": "why"}))
    again = chosen(run)
    assert list(again.images.columns) == list(CHOICE_COLUMNS) and again.coverage == "0 of 1"


def test_a_table_changed_by_hand_is_refused_because_its_rule_would_be_wrong(run, choice):
    keep(run, choice)
    path = run.folder / "chosen.csv"
    path.write_text(path.read_text().replace(",3,", ",4,"))
    with pytest.raises(UserError, match=r"Choose again: python -m eval\.select run="):
        chosen(run)


@pytest.mark.parametrize("file", ["chosen.csv", "chosen.json"])
def test_half_a_choice_is_refused(run, choice, file):
    keep(run, choice)
    (run.folder / file).unlink()
    with pytest.raises(UserError, match="whole"):
        chosen(run)


def test_a_choice_copied_from_another_run_is_refused(run, choice):
    keep(run, choice)
    (run.folder / choice.images["image"].iloc[0]).unlink()
    with pytest.raises(UserError, match="does not have"):
        chosen(run)


def test_a_choice_among_images_that_were_replaced_since_is_refused(run, choice, noise_image):
    keep(run, choice)
    entry = Entry("NA", "A dog.") if "NA" in choice.images["image"].iloc[0].upper() else Entry("b.png", "A dog.")
    run.write_shard(EditPair(entry, noise_image()), [Sample(0.3, 3, noise_image(7))])
    with pytest.raises(UserError, match="was chosen among other images"):
        chosen(run)
