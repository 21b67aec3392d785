"""Shares of images have an interval that fits them, whoever's metric says yes or no; tables print it in brackets."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from eval.analysis.curves import curve_rows
from eval.analysis.differences import differences
from eval.analysis.stats import clustered_mean, clustered_share, share_difference
from eval.metrics.base import Metric
from eval.metrics.names import is_share
from eval.present.text import brackets, strength_cells

ANSWERS = [1.0, 1.0, 0.0, 1.0, 0.0, 0.0]
PICTURES = ["a", "a", "b", "c", "d", "d"]


class Success(Metric):
    """As the embedded judge calls itself."""

    name, kind = "judge/success/1", "judgement"

    def score(self, reference, images):
        raise NotImplementedError


def curve(metric, values, pictures=PICTURES, seeds=1):
    """The row of a curve table; each pair has the value at all seeds, or a list of one a seed."""
    ids, grid = [f"pair{i}" for i in range(len(values))], range(seeds)
    rows = [(i, 0.5, k, metric, v if seeds == 1 else v[k]) for i, v in zip(ids, values, strict=True) for k in grid]
    scores = pd.DataFrame(rows, columns=["pair_id", "strength", "seed", "metric", "score"])
    samples = scores[["pair_id", "strength", "seed"]].assign(source_group=np.repeat(pictures, seeds))
    return curve_rows(samples, scores, ids, {"method": "m", "axis": "eta"})


@pytest.mark.parametrize(
    ("metric", "values", "share"),
    [
        ("judge/success/1", [0.0, 1.0], True),
        ("judge/success/1", [0.5, 1.0], True),
        ("vqa/agrees/3", [0.0, 1.0, 1.0], True),  # a stranger's
        ("vqa/agrees/3", [0.0, math.nan, 0.0], True),
        ("vqa/agrees/3", [0.0, 0.3, 1.0], False),
        ("vqa/agrees/3", [math.nan], False),
        ("ssim/gaussian11/native", [1.0, 1.0], False),  # every image is its input
        ("1-lpips/alex/64", [1.0, 1.0], False),
        ("psnr/native", [math.inf, 1.0], False),
    ],
)
def test_a_metric_is_a_share_where_it_judges_or_all_that_is_known_is_that_it_is_0_or_1(metric, values, share):
    assert is_share(metric, np.array(values)) == share


@pytest.mark.parametrize("metric", ["judge/success/1", "vqa/agrees/3"])
def test_curves_have_the_interval_of_a_share(metric):
    (row,) = curve(metric, ANSWERS).to_dict("records")
    assert (row["mean"], row["ci_low"], row["ci_high"]) == pytest.approx(clustered_share(ANSWERS, PICTURES))
    (row,) = curve(metric, [0.0] * 6).to_dict("records")
    assert row["mean"] == row["ci_low"] == 0 < row["ci_high"] < 1


def test_with_several_seeds_it_is_of_each_pairs_mean():
    (row,) = curve("judge/success/1", [[1, 1], [1, 0], [0, 0], [1, 0], [0, 0], [0, 1]], seeds=2).to_dict("records")
    wanted = clustered_share([1, 0.5, 0, 0.5, 0, 0.5], PICTURES)
    assert (row["mean"], row["ci_low"], row["ci_high"]) == pytest.approx(wanted)


def test_other_metrics_keep_the_t_interval():
    (row,) = curve("clip/a/b", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]).to_dict("records")
    wanted = clustered_mean([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], PICTURES)
    assert (row["mean"], row["ci_low"], row["ci_high"]) == pytest.approx(wanted)


def test_differences_of_shares_have_theirs():
    index = pd.MultiIndex.from_arrays([list("123456"), PICTURES], names=["pair_id", "source_group"])
    wide = pd.DataFrame({"one": ANSWERS, "other": [0.0] * 6, "same": ANSWERS}, index=index)
    for metric in ("judge/success/1", "vqa/agrees/3"):
        table = differences({metric: wide}).set_index(["method", "other"])
        ends = ["difference", "ci_low", "ci_high"]
        assert tuple(table.loc[("one", "other"), ends]) == pytest.approx(share_difference(ANSWERS, PICTURES))
        low, high = table.loc[("one", "same"), ["ci_low", "ci_high"]]
        assert -1 <= low < 0 < high <= 1
    table = differences({"clip/a/b": wide}).set_index(["method", "other"])
    assert tuple(table.loc[("one", "same"), ["ci_low", "ci_high"]]) == (0, 0)


def test_tables_print_brackets_and_no_interval_of_one_picture():
    assert strength_cells(curve("judge/success/1", [0.0] * 6), [Success()], intervals=True) == ["0% [0, 72]"]
    assert strength_cells(curve("judge/success/1", ANSWERS, ["a"] * 6), [Success()], intervals=True) == ["50% [–]"]
    assert strength_cells(curve("judge/success/1", ANSWERS), [Success()]) == ["50%"]
    assert brackets(0.576, 0.5178, 0.6342, percent=False) == "[0.518, 0.634]"
    assert brackets(math.inf, math.nan, math.nan, percent=False) == ""
