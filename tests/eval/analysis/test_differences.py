"""Differences between methods, on tables whose answers are known."""

from __future__ import annotations

import pandas as pd
import pytest

from eval.analysis.differences import DIFFERENCE_COLUMNS, differences
from eval.analysis.stats import holm, paired_difference
from eval.runs.cards import MetricCards
from tests.made_runs import card_of

GROUPS = ["a", "a", "b", "c"]
CARDS = MetricCards(map(card_of, ("psnr/native", "ssim/native")))
SCORES = {"one": [0.5, 0.7, 0.4, 0.9], "two": [0.4, 0.6, 0.4, 0.5], "three": [0.1, 0.2, 0.3, 0.4]}


def wide(values=SCORES, groups=GROUPS):
    index = pd.MultiIndex.from_arrays(
        [[f"pair{k}" for k in range(len(groups))], groups], names=["pair_id", "source_group"]
    )
    return pd.DataFrame(values, index=index)


def test_every_two_methods_are_compared_once_in_the_order_of_the_methods():
    table = differences({"psnr/native": wide()}, CARDS)
    assert list(zip(table["method"], table["other"], strict=True)) == [
        ("one", "two"),
        ("one", "three"),
        ("two", "three"),
    ]
    assert table["difference"].tolist() == pytest.approx([0.15, 0.375, 0.225])
    assert set(table["n_pairs"]) == {4} and set(table["n_source_images"]) == {3}


def test_intervals_and_p_values_are_those_of_pairs_clustered_by_source_image():
    first = differences({"psnr/native": wide()}, CARDS).iloc[0]
    found = paired_difference(SCORES["one"], SCORES["two"], GROUPS, share=False)
    assert (first["ci_low"], first["ci_high"], first["p"]) == (found.low, found.high, found.p)


def test_holms_correction_is_over_the_pairs_of_methods_of_each_metric_alone():
    both = differences({"psnr/native": wide(), "ssim/native": wide()}, CARDS)
    one = both[both["metric"] == "ssim/native"]
    assert one["p_holm"].tolist() == holm(one["p"].tolist())
    assert one["p_holm"].tolist() == both[both["metric"] == "psnr/native"]["p_holm"].tolist()


def test_without_metrics_or_with_one_method_the_table_is_empty_and_has_its_columns():
    for scores in ({}, {"psnr/native": wide({"one": SCORES["one"]})}):
        table = differences(scores, CARDS)
        assert len(table) == 0 and tuple(table.columns) == DIFFERENCE_COLUMNS
