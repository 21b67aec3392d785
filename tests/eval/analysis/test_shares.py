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
from eval.metrics.pixels import Psnr
from eval.present.text import brackets, strength_cells
from eval.runs.cards import MetricCard, MetricCards
from tests.made_runs import card_of

ANSWERS = [1.0, 1.0, 0.0, 1.0, 0.0, 0.0]
PICTURES = ["a", "a", "b", "c", "d", "d"]


JUDGE, AGREES, CLIP = "judge/success/1", "vqa/agrees/3", "clip/a/b"
CARDS = MetricCards(
    [
        card_of(JUDGE),
        MetricCard(AGREES, "alignment", "agreement", share=True),  # a stranger's
        *map(card_of, (CLIP, "ssim/gaussian11/native", "lpips/alex/64", "psnr/native")),
    ]
)


def curve(metric, values, pictures=PICTURES, seeds=1):
    """The row of a curve table; each pair has the value at all seeds, or a list of one a seed."""
    ids, grid = [f"pair{i}" for i in range(len(values))], range(seeds)
    rows = [(i, 0.5, k, metric, v if seeds == 1 else v[k]) for i, v in zip(ids, values, strict=True) for k in grid]
    scores = pd.DataFrame(rows, columns=["pair_id", "strength", "seed", "metric", "score"])
    samples = scores[["pair_id", "strength", "seed"]].assign(source_group=np.repeat(pictures, seeds))
    return curve_rows(samples, scores, ids, {"method": "m", "axis": "eta"}, CARDS)


class Agrees(Metric):
    """A stranger's answer of yes or no."""

    name, kind = AGREES, "judgement"

    def score(self, reference, images):
        raise NotImplementedError


def test_a_metric_is_a_share_where_it_judges_or_says_so():
    assert {card.name for card in CARDS if card.share} == {JUDGE, AGREES}
    assert Agrees().card.share and not Psnr().card.share


@pytest.mark.parametrize("metric", ["ssim/gaussian11/native", "1-lpips/alex/64"])
def test_scores_that_happen_to_be_0_or_1_make_no_share(metric):
    (row,) = curve(metric.removeprefix("1-"), [1.0] * 6).to_dict("records")
    assert row["ci_low"] == row["mean"] == row["ci_high"]


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
        table = differences({metric: wide}, CARDS).set_index(["method", "other"])
        ends = ["difference", "ci_low", "ci_high"]
        assert tuple(table.loc[("one", "other"), ends]) == pytest.approx(share_difference(ANSWERS, PICTURES))
        low, high = table.loc[("one", "same"), ["ci_low", "ci_high"]]
        assert -1 <= low < 0 < high <= 1
    table = differences({"clip/a/b": wide}, CARDS).set_index(["method", "other"])
    assert tuple(table.loc[("one", "same"), ["ci_low", "ci_high"]]) == (0, 0)


def test_tables_print_brackets_and_no_interval_of_one_picture():
    assert strength_cells(curve("judge/success/1", [0.0] * 6), CARDS.only([JUDGE]), intervals=True) == ["0% [0, 72]"]
    assert strength_cells(curve("judge/success/1", ANSWERS, ["a"] * 6), CARDS.only([JUDGE]), intervals=True) == [
        "50% [–]"
    ]
    assert strength_cells(curve("judge/success/1", ANSWERS), CARDS.only([JUDGE])) == ["50%"]
    assert brackets(0.576, 0.5178, 0.6342, percent=False) == "[0.518, 0.634]"
    assert brackets(math.inf, math.nan, math.nan, percent=False) == ""
