"""Metrics that apply to no pair of a run."""

import pandas as pd

from eval.analysis.unscored import split_unscored
from eval.runs.cards import Cards
from tests.made_runs import made_config

NAMES = ["clip/a/b", "lpips/alex/64"]
METRICS = Cards.from_config(made_config(metrics=NAMES)["cards"]).metrics


def table(lpips):
    rows = [
        ("p", 0.5, 0, "clip/a/b", 0.3, ""),
        *(("p", 0.5, seed, "lpips/alex/64", *end) for seed, end in enumerate(lpips)),
    ]
    return pd.DataFrame(rows, columns=["pair_id", "strength", "seed", "metric", "score", "reason"])


def test_a_metric_without_any_score_is_left_out_with_its_reason():
    metrics, lines = split_unscored(table([(float("nan"), "no input")] * 2), METRICS)
    assert [card.name for card in metrics] == ["clip/a/b"]
    assert lines == ["Without any score, so left out: 1 − LPIPS (no input)"]


def test_a_metric_with_some_scores_stays():
    metrics, lines = split_unscored(table([(float("nan"), "no input"), (0.2, "")]), METRICS)
    assert [card.name for card in metrics] == NAMES
    assert lines == []


def test_a_metric_without_any_score_gave_no_reason():
    _, lines = split_unscored(table([(float("nan"), "")] * 2), METRICS)
    assert lines == ["Without any score, so left out: 1 − LPIPS (no reason given)"]
