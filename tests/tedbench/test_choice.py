"""Choosing pairs by limit and ids, and building datasets from a configuration."""

from __future__ import annotations

from typing import Any

import pytest

from tedbench.datasets.build import build_dataset
from tedbench.datasets.folder import Folder
from tedbench.datasets.picturebook import PicturebookPairs
from tedbench.errors import UserError

ALL = [entry.id for entry in PicturebookPairs(64, split="all").entries]


def ids(**settings: Any) -> list[str]:
    return [entry.id for entry in PicturebookPairs(64, split="all", **settings).entries]


def test_limit_keeps_the_first() -> None:
    assert ids(limit=3) == ALL[:3]
    assert ids(limit=1000) == ALL


def test_ids_choose_whole_or_by_a_unique_start_in_the_datasets_order() -> None:
    assert ids(ids=[ALL[7], ALL[2]]) == [ALL[2], ALL[7]]
    assert ids(ids=["tree_03"]) == [next(id for id in ALL if id.startswith("tree_03"))]


def test_limit_counts_after_ids() -> None:
    assert ids(ids=[ALL[7], ALL[2]], limit=1) == [ALL[2]]


def test_unknown_id_gets_a_suggestion() -> None:
    with pytest.raises(UserError, match=r"no pair is called 'car-02.*'\. Did you mean car_02\.png_a_yellow_car"):
        ids(ids=["car-02.png-a_yellow_car_with_a_roof"])


def test_start_of_several_ids_is_told_of() -> None:
    with pytest.raises(UserError, match=r"'dog_01' is the start of 5 pairs"):
        ids(ids=["dog_01"])


def test_no_ids_leave_nothing() -> None:
    with pytest.raises(UserError, match="has no pairs"):
        ids(ids=[])


def test_unknown_split_is_told_of() -> None:
    with pytest.raises(UserError, match=r"dataset\.split=test is unknown\. Use preview, all or search"):
        PicturebookPairs(64, split="test")


def build(**settings: Any) -> list[str]:
    target = {"_target_": "tedbench.datasets.picturebook.PicturebookPairs", "name": "picturebook", "size": 64}
    return [entry.id for entry in build_dataset({**target, **settings}).entries]


def test_dataset_is_built_from_its_configuration() -> None:
    assert build(split="all", limit=None, ids=None) == ALL
    assert build(split="all", ids="tree_03") == ids(ids=["tree_03"])


@pytest.mark.parametrize(
    ("key", "value"), [("limit", "two"), ("limit", 0), ("limit", 1.5), ("size", "64px"), ("size", True), ("size", -1)]
)
def test_wrong_number_is_told_of(key: str, value: object) -> None:
    with pytest.raises(UserError, match=rf"dataset\.{key} is {value!r}\. It must be a whole number from 1"):
        build(**{key: value})


def test_number_for_an_id_is_an_unknown_id() -> None:
    with pytest.raises(UserError, match=r"no pair is called '17'"):
        build(ids=[17])


def test_errors_of_the_dataset_come_through() -> None:
    with pytest.raises(UserError, match=r"dataset\.file is not set"):
        build_dataset({"_target_": f"{Folder.__module__}.Folder", "file": None, "size": 8})
