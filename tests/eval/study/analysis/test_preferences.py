"""Preferences with intervals, agreement, Bradley–Terry: against reference implementations and by coverage."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from eval.analysis.stats import wilson_interval
from eval.study.analysis.bradley_terry import bradley_terry
from eval.study.analysis.preferences import krippendorff_alpha, preference, two_way_variance
from eval.study.answers.raters import Population, draw_choices

TEDBENCH = [1] * 16 + [2] * 6 + [3] * 7 + [4] * 5 + [5] * 5 + [6]
"""Texts of each of TEdBench's 40 source images."""


def answered(rng, share, population, raters, each, sizes=TEDBENCH):
    """A study of one opponent: every rater answers ``each`` of the pairs."""
    image = np.repeat(np.arange(len(sizes)), sizes)
    pair = np.concatenate([rng.permutation(len(image))[:each] for _ in range(raters)])
    left = np.where(rng.random(len(pair)) < 0.5, "ours", "theirs")
    shown = {"rater": np.repeat(np.arange(raters), each), "image": image[pair], "pair_id": pair}
    screens = pd.DataFrame(shown | {"left": left, "right": np.where(left == "ours", "theirs", "ours")})
    chosen = draw_choices(screens, {"ours": ability(population, share), "theirs": 0.0}, population, rng)
    return (chosen == "left") == (left == "ours"), screens


@cache
def ability(population, share):
    return population.ability(share)


def coverage(share, population, raters, each, rounds, **sizes):
    """How often the primary and Wilson's 95% interval hold the share."""
    primary = wilson = 0
    for number in range(rounds):
        wins, screens = answered(np.random.default_rng(number), share, population, raters, each, **sizes)
        found = preference(wins, screens["rater"].to_numpy(), screens["image"].to_numpy())
        primary += found.low <= share <= found.high
        wilson += found.wilson_low <= share <= found.wilson_high
    return primary / rounds, wilson / rounds


def test_with_raters_and_images_that_differ_the_primary_interval_covers_and_wilsons_falls_far_short():
    primary, wilson = coverage(0.7, Population(), 60, 15, 400)
    assert 0.93 <= primary <= 0.97
    assert wilson < 0.75


@pytest.mark.slow
@pytest.mark.parametrize(
    ("share", "population", "raters", "each", "sizes", "wilson_below"),
    [
        (0.7, Population(1.0, 0.0, 0.5), 60, 50, [1] * 100, 0.6),  # FACTS: item sd 1, rater sd 0.5
        (0.7, Population(), 480, 6, TEDBENCH, 0.6),  # as many answers an opponent as in the paper
        (0.84, Population(), 60, 6, TEDBENCH, 0.92),
        (0.5, Population(0.3, 0.3, 1.5), 20, 30, TEDBENCH, 0.6),  # raters differ more than images
    ],
)
def test_the_primary_interval_covers_in_studies_of_other_kinds(share, population, raters, each, sizes, wilson_below):
    primary, wilson = coverage(share, population, raters, each, 1000, sizes=sizes)
    assert 0.93 <= primary <= 0.97
    assert wilson < wilson_below


def test_the_two_way_variance_is_that_of_statsmodels():
    rng = np.random.default_rng(0)
    y, rater, image = rng.random(200), rng.integers(0, 12, 200), rng.integers(0, 17, 200)
    fit = sm.OLS(y, np.ones(200)).fit(
        cov_type="cluster", cov_kwds={"groups": np.c_[rater, image], "df_correction": False, "use_correction": False}
    )
    groups = [pd.factorize(g)[0] for g in (rater, image, rater * 100 + image)]
    plain = [sum(np.bincount(g, y - y.mean()) ** 2) / 200**2 for g in groups]
    assert fit.bse[0] ** 2 == pytest.approx(plain[0] + plain[1] - plain[2])
    corrected = [v * (g.max() + 1) / g.max() for v, g in zip(plain, groups, strict=True)]
    wanted = max(corrected[0] + corrected[1] - corrected[2], *corrected[:2])
    assert two_way_variance(y - y.mean(), *groups[:2]) == pytest.approx(wanted)


def test_independent_answers_get_nearly_wilsons_interval():
    rng = np.random.default_rng(1)
    wins = rng.random(4000) < 0.7
    found = preference(wins, [str(i) for i in range(4000)], [str(i) for i in range(4000)])
    assert found.effective == pytest.approx(4000, rel=0.01)
    assert (found.low, found.high) == pytest.approx((found.wilson_low, found.wilson_high), abs=1e-3)
    low, high = stats.binomtest(int(wins.sum()), 4000).proportion_ci(method="wilson")
    assert (found.wilson_low, found.wilson_high) == pytest.approx((low, high))


def test_copies_of_an_answer_add_no_certainty():
    wins, raters, images = [1, 0, 1, 1, 0, 1], list("aabbcc"), list("xyxyxy")
    once, thrice = preference(wins, raters, images), preference(wins * 3, raters * 3, images * 3)
    assert thrice[:3] == pytest.approx(once[:3], abs=0.02)
    assert thrice.wilson_high - thrice.wilson_low < 0.7 * (once.wilson_high - once.wilson_low)


def test_where_all_agree_there_is_an_interval_and_it_stays_within_0_and_1():
    found = preference([1] * 30, list("abcdef") * 5, list("vwxyz") * 6)
    assert found.share == 1 and 0 < found.low < 0.9 and found.high == pytest.approx(1) and found.high <= 1
    none = preference([0] * 30, list("abcdef") * 5, list("vwxyz") * 6)
    assert (none.low, none.high) == pytest.approx((1 - found.high, 1 - found.low))


def test_the_test_and_the_interval_say_the_same():
    rng = np.random.default_rng(2)
    both = set()
    for share in (0.5, 0.6, 0.62, 0.65, 0.7):
        wins, screens = answered(rng, share, Population(), 20, 10)
        found = preference(wins, screens["rater"].to_numpy(), screens["image"].to_numpy())
        assert (found.p < 0.05) == (not found.low <= 0.5 <= found.high)
        both.add(found.p < 0.05)
    assert len(both) == 2


def test_one_rater_or_one_image_has_no_interval():
    for found in (preference([1, 0], ["a", "a"], ["x", "y"]), preference([1, 0], ["a", "b"], ["x", "x"])):
        assert math.isnan(found.low) and math.isnan(found.p) and found.wilson_low < 0.5 < found.wilson_high
    with pytest.raises(ValueError, match="at least one answer"):
        preference([], [], [])


def test_a_tie_counts_half():
    assert preference([1, 0.5], ["a", "b"], ["x", "y"]).share == 0.75
    assert wilson_interval(0.5, 10, 1.96)[0] == pytest.approx(0.2366, abs=1e-4)


def test_krippendorffs_own_examples():
    coders = [
        "1 2 3 3 2 1 4 1 2 . . .",
        "1 2 3 3 2 2 4 1 2 5 . 3",
        ". 3 3 3 2 3 4 2 2 5 1 .",
        "1 2 3 3 2 4 4 1 2 5 1 .",
    ]
    rows = [(str(unit), c) for line in coders for unit, c in enumerate(line.split()) if c != "."]
    assert krippendorff_alpha(*zip(*rows, strict=True)) == pytest.approx(0.743, abs=5e-4)
    two = ["0 1 0 0 0 0 0 0 1 0", "1 1 1 0 0 1 0 0 0 0"]
    rows = [(str(unit), c) for line in two for unit, c in enumerate(line.split())]
    assert krippendorff_alpha(*zip(*rows, strict=True)) == pytest.approx(0.095, abs=5e-4)
    assert math.isnan(krippendorff_alpha(["a", "b"], ["x", "y"]))
    assert math.isnan(krippendorff_alpha([], []))


def test_bradley_terry_is_the_logistic_fit_with_clustered_errors():
    rng = np.random.default_rng(3)
    names, ability = np.array(["a", "b", "c"]), np.array([1.0, 0.0, -1.0])
    first = rng.integers(0, 3, 3000)
    second = (first + rng.integers(1, 3, 3000)) % 3
    wins = (rng.random(3000) < 1 / (1 + np.exp(ability[second] - ability[first]))).astype(float)
    raters, images = rng.integers(0, 3000, 3000), np.arange(3000)
    found = bradley_terry(names[first], names[second], wins, raters, images)
    design = np.eye(3)[first] - np.eye(3)[second]
    fit = sm.GLM(wins, design[:, 1:] - 0, family=sm.families.Binomial()).fit(cov_type="HC0")
    centred = np.array([0, *fit.params]) - np.mean([0, *fit.params])
    assert [each.method for each in found] == ["a", "b", "c"]
    assert [each.ability for each in found] == pytest.approx(centred.tolist(), abs=1e-6)
    assert sum(each.ability for each in found) == pytest.approx(0, abs=1e-9)
    to_centre = np.array([-1, -1]) / 3  # of a: 0 less the mean
    error = math.sqrt(to_centre @ fit.cov_params() @ to_centre)
    assert found[0].high - found[0].low == pytest.approx(2 * 1.96 * error, rel=0.05)


def test_methods_that_always_win_or_never_meet_have_no_finite_scale():
    who = [str(i) for i in range(4)]
    assert bradley_terry(list("aabb"), list("bbaa"), [1, 1, 0, 0], who, who) is None
    assert bradley_terry(list("aacc"), list("bbdd"), [1, 0, 1, 0], who, who) is None
    assert bradley_terry(list("aabb"), list("bbaa"), [1, 0, 0.5, 0.5], who, who) is not None
