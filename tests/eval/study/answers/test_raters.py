"""Simulated raters do what they are told, and the power that is planned with them is the power of studies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from eval.study.analysis.power import Design, power, raters_needed
from eval.study.answers.raters import Population, draw_choices, spammers

PLAIN = Population(0.0, 0.0, 0.0)


def screens(n, per_rater=1):
    left = np.where(np.arange(n) % 2, "ours", "theirs")
    table = {"rater": np.arange(n) // per_rater, "image": np.arange(n) % 5000, "pair_id": np.arange(n) % 10000}
    return pd.DataFrame(table | {"left": left, "right": np.where(np.arange(n) % 2, "theirs", "ours")})


def chosen(share, population, n=40_000, per_rater=1, **columns):
    shown = screens(n, per_rater).assign(**columns)
    rng = np.random.default_rng(0)
    return shown, draw_choices(shown, {"ours": population.ability(share), "theirs": 0.0}, population, rng)


def prefers(shown, choice):
    return ((choice == "left") == (shown["left"] == "ours")).mean()


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.7, 0.95])
def test_the_share_over_all_raters_and_images_is_the_one_that_was_asked_for(share):
    assert prefers(*chosen(share, Population(1.0, 0.8, 1.2))) == pytest.approx(share, abs=0.015)


def test_a_share_of_0_or_1_is_no_ability():
    with pytest.raises(ValueError, match="between 0 and 1"):
        Population().ability(1.0)


def test_side_bias_lapses_ties_and_right_answers():
    _, choice = chosen(0.5, replace(PLAIN, side_bias=1.0))
    assert (choice == "left").mean() == pytest.approx(1 / (1 + np.exp(-1)), abs=0.01)
    assert prefers(*chosen(0.9, replace(PLAIN, lapses=0.5))) == pytest.approx(0.7, abs=0.01)
    _, choice = chosen(0.9, replace(PLAIN, ties=0.2))
    assert (choice == "tie").mean() == pytest.approx(0.2, abs=0.01)
    shown, choice = chosen(0.9, replace(PLAIN, ties=0.2), right_answer=np.where(np.arange(40_000) % 3, "left", "right"))
    assert (choice == shown["right_answer"]).all()


def test_raters_images_and_pairs_that_differ_make_their_answers_alike():
    for population, by in (
        (Population(2.0, 0, 0), "image"),
        (Population(0, 2.0, 0), "pair_id"),
        (Population(0, 0, 2.0), "rater"),
    ):
        shown, choice = chosen(0.5, population, per_rater=8)
        wins = pd.Series((choice == "left") == (shown["left"] == "ours"))
        alike = {name: wins.groupby(shown[name]).mean().var() for name in ("image", "pair_id", "rater")}
        independent = {name: 0.25 / wins.groupby(shown[name]).size().mean() for name in alike}
        assert alike[by] > 1.9 * independent[by]
        if by == "rater":
            assert alike["image"] < 1.3 * independent["image"]


def test_spammers_are_as_many_as_asked_for_and_look_at_nothing():
    raters = pd.Series(np.repeat(np.arange(40), 10))
    kinds = spammers(raters, 0.2)
    assert (kinds != "").sum() == 80 and set(kinds) == {"", "random", "left", "right"}
    shown, choice = chosen(0.99, replace(PLAIN, spammers=1.0), per_rater=10)
    assert prefers(shown, choice) == pytest.approx(0.5, abs=0.02)


def test_power_is_alpha_without_an_effect_and_grows_with_raters():
    design, population = Design(pairs=60, images=30), Population()
    assert power(0.5, 20, design, population, alpha=0.05, rounds=300) == pytest.approx(0.05, abs=0.03)
    few, many = (power(0.65, n, design, population, alpha=0.05, rounds=60) for n in (8, 40))
    assert few < many and many > 0.8


def test_the_fewest_raters_have_the_wanted_power_and_fewer_have_not():
    design = Design(pairs=60, images=30)
    needed, tried = raters_needed(0.7, 0.8, design, Population(), alpha=0.05, rounds=60)
    assert tried[needed] >= 0.8
    assert max(n for n, found in tried.items() if found < 0.8) < needed <= 40


def test_with_few_images_no_number_of_raters_does():
    needed, tried = raters_needed(
        0.6, 0.9, Design(pairs=6, images=3, opponents=1), Population(), alpha=0.05, rounds=20, most=80
    )
    assert needed is None and max(tried) == 80


def test_a_designs_sessions_show_every_pair_at_most_once_and_opponents_equally_often():
    design = Design()
    shown = design.answers(30, np.random.default_rng(0))
    assert not shown.duplicated(["rater", "pair_id"]).any()
    assert shown.groupby("rater").size().between(6, 7).all() and len(shown) == pytest.approx(
        design.per_opponent(30), abs=1
    )
