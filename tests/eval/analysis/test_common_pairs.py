"""Only pairs of which every method has its image are compared; the others are named with the reason."""

from __future__ import annotations

import pytest

from eval.analysis.common_pairs import compare_on_common
from tedbench.errors import UserError

from .parts import method_of, samples_of

FULL = [("dog", "a", 0.5, ""), ("cat", "a", 0.5, ""), ("cow", "b", 0.5, "")]


def two(second, **settings):
    return [method_of("one", samples_of(FULL), 0.5), method_of("two", samples_of(second), 0.5, **settings)]


def test_pairs_that_failed_lack_the_picked_image_or_are_not_there_are_left_out_each_with_its_reason():
    found = compare_on_common(two([("dog", "a", 0.5, ""), ("cat", "a", 0.5, "out of memory")]))
    assert found.pair_ids == ["dog"] and found.coverage == "1 of 3 pairs"
    assert found.left_out == {"cat": "two: failed, out of memory", "cow": "two: not in the run"}
    other = compare_on_common(two([("dog", "a", 0.5, ""), ("cat", "a", 1.0, "")]))
    assert other.left_out["cat"] == "two: no image chosen"


def test_left_out_pairs_are_grouped_by_why():
    found = compare_on_common(two([("dog", "a", 0.5, "")]))
    assert found.reasons() == {"two: not in the run": ["cat", "cow"]}


def test_a_pair_whose_inputs_differ_is_not_compared():
    one = method_of("one", samples_of(FULL), 0.5, inputs={"dog": "1", "cat": "1", "cow": "1"})
    other = method_of("two", samples_of(FULL), 0.5, inputs={"dog": "1", "cat": "2", "cow": "1"})
    found = compare_on_common([one, other])
    assert found.pair_ids == ["cow", "dog"] and "not the same in all runs" in found.left_out["cat"]


def test_inputs_of_different_sizes_are_compared_and_a_note_says_so():
    large = two(FULL, inputs={"dog": "2"}, size=512)
    found = compare_on_common(large)
    assert len(found.pair_ids) == 3
    assert found.notes == ["The methods worked on pairs of different size: one 16 px, two 512 px."]


def test_pairs_that_were_not_run_yet_are_expected():
    started = [{"event": "start", "pairs": 5}]
    found = compare_on_common(two(FULL, events=started))
    assert found.n_expected == 5 and found.notes == ["2 pairs have not been run yet."]


def test_picked_images_come_with_their_source_image_and_text():
    found = compare_on_common(two(FULL[:2]))
    table = found.picked(found.methods[0])
    assert table["pair_id"].tolist() == ["cat", "dog"]
    assert table["source_group"].tolist() == ["a", "a"] and table["target_text"].tolist() == ["A cat.", "A dog."]


def test_runs_on_other_datasets_or_without_a_common_pair_are_refused():
    with pytest.raises(UserError, match=r"is on folder, two .* on tedbench"):
        compare_on_common(two(FULL, dataset="tedbench"))
    with pytest.raises(UserError, match="no pair in common"):
        compare_on_common(two([("bird", "c", 0.5, "")]))


def test_a_metric_at_the_pairs_own_size_has_the_size_in_its_name():
    rows = [("dog", 0.5, 0, "psnr/native", 20.0), ("dog", 0.5, 0, "clip/a/b", 0.3)]
    assert method_of("one", samples_of(FULL), 0.5, rows).scores()["metric"].tolist() == ["psnr/native-16px", "clip/a/b"]
