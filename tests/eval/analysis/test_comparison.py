"""The table of a comparison, from picked images and scores that are written down here."""

from __future__ import annotations

import pandas as pd
import pytest

from eval.analysis.common_pairs import compare_on_common
from eval.analysis.comparison import TABLE_COLUMNS, apart, comparison_table, scores_by_metric
from eval.analysis.cost import Cost
from eval.analysis.stats import clustered_mean

from .parts import method_of, samples_of

SAMPLES = samples_of(
    [(pair, group, s, "") for pair, group in (("dog", "a"), ("cat", "a"), ("cow", "b")) for s in (0.0, 0.5)]
)
LPIPS, PSNR = "lpips/alex/64", "psnr/native"
NOTHING = Cost(float("nan"), 0, float("nan"), float("nan"), True, "not recorded")


def compared(one, two):
    """Two methods with these scores at η = 0.5, and others at 0, for which nothing stands."""
    methods = []
    for name, given in (("one", one), ("two", two)):
        rows = [(pair, 0.5, 0, metric, score) for metric, scores in given.items() for pair, score in scores.items()]
        rows += [("dog", 0.0, 0, metric, 99.0) for metric in given]
        methods.append(method_of(name, SAMPLES, 0.5, rows))
    return compare_on_common(methods)


def test_scores_are_of_picked_images_on_pairs_that_every_measured_method_has():
    comparison = compared({PSNR: {"dog": 20.0, "cat": 30.0}}, {PSNR: {"dog": 25.0, "cat": 35.0, "cow": 1.0}})
    tables = scores_by_metric(comparison)
    (wide,) = tables.values()
    assert list(tables) == ["psnr/native-16px"]
    assert wide.reset_index().to_dict("list") == {
        "pair_id": ["cat", "dog"], "source_group": ["a", "a"], "one": [30.0, 20.0], "two": [35.0, 25.0],
    }  # fmt: skip


def test_scores_that_a_metric_did_not_give_are_missing_and_no_zero():
    (wide,) = scores_by_metric(
        compared({PSNR: {"dog": 20.0, "cat": float("nan")}}, {PSNR: {"dog": 1.0, "cat": 2.0}})
    ).values()
    assert wide.index.get_level_values("pair_id").tolist() == ["dog"]


def test_distances_are_shown_as_one_minus():
    (wide,) = scores_by_metric(compared({LPIPS: {"dog": 0.25}}, {LPIPS: {"dog": 0.5}})).values()
    assert wide.iloc[0].tolist() == [0.75, 0.5]


def test_a_row_is_a_method_and_a_metric_with_its_interval_by_source_image_and_its_coverage():
    one = {"dog": 20.0, "cat": 30.0, "cow": 10.0}
    comparison = compared({PSNR: one}, {PSNR: {pair: score + 1 for pair, score in one.items()}})
    table = comparison_table(comparison, scores_by_metric(comparison), [NOTHING._replace(seconds=5.0), NOTHING])
    assert tuple(table.columns) == TABLE_COLUMNS and table["method"].tolist() == ["one", "two"]
    first = table.iloc[0]
    interval = clustered_mean([30.0, 10.0, 20.0], ["a", "b", "a"]).within((0.0, None))
    assert tuple(first[["mean", "ci_low", "ci_high"]]) == pytest.approx(interval)
    assert tuple(first[["n_pairs", "n_compared", "n_expected", "n_own"]]) == (3, 3, 3, 3)
    assert first["seconds_per_edit"] == 5 and pd.isna(table["seconds_per_edit"].iloc[1])


def test_a_metric_that_one_method_lacks_has_no_row_of_it_and_is_told_of():
    comparison = compared({PSNR: {"dog": 20.0}, LPIPS: {"dog": 0.5}}, {PSNR: {"dog": 21.0}})
    table = comparison_table(comparison, scores_by_metric(comparison), [NOTHING, NOTHING])
    assert table.groupby("method").size().to_dict() == {"one": 2, "two": 1}
    (line,) = apart(comparison, table)
    assert line.startswith("1-lpips/alex/64 was not measured for two:")
