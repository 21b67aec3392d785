"""The pairs that a grid of edits shows."""

from __future__ import annotations

import pytest

from eval.analysis.common_pairs import Comparison
from eval.present.figures.grid import asked_pairs
from tedbench.errors import UserError

COMPARED = Comparison([], ["cat_a", "cat_b", "dog"], 4, {"cow": "two: not in the run"}, "Pairs", [])


def test_all_compared_pairs_are_shown_unless_some_are_asked_for():
    assert asked_pairs(COMPARED, None) == ["cat_a", "cat_b", "dog"]


def test_pairs_are_asked_for_by_how_their_ids_start_in_the_order_asked_and_each_is_shown_once():
    assert asked_pairs(COMPARED, ["dog", "cat", "cat_b"]) == ["dog", "cat_a", "cat_b"]


def test_a_start_of_no_compared_pair_is_refused_and_a_left_out_pair_says_why():
    with pytest.raises(UserError, match="cow is left out: two: not in the run"):
        asked_pairs(COMPARED, ["cow"])
    with pytest.raises(UserError, match=r"starts with 'bird'\. One is cat_a"):
        asked_pairs(COMPARED, ["bird"])
