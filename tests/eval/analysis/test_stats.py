from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from eval.analysis.stats import (
    Interval,
    clustered_mean,
    clustered_share,
    holm,
    paired_difference,
    share_difference,
    sign_flip_test,
    wilson_interval,
)

SIZES = [1] * 16 + [2] * 6 + [3] * 7 + [4] * 5 + [5] * 5 + [6]
"""How many texts each of TEdBench's 40 source images has."""
CLUSTERS = [f"{i}.png" for i, n in enumerate(SIZES) for _ in range(n)]


def normal(rng):
    """Half of the variance is the source image's."""
    return 0.5 + np.repeat(rng.normal(size=len(SIZES)), SIZES) + rng.normal(size=sum(SIZES))


def judged(rng):
    """0 or 1; some source images are easier than others, and the mean chance is one half."""
    chances = stats.norm.cdf(np.repeat(rng.normal(size=len(SIZES)), SIZES))
    return (rng.random(sum(SIZES)) < chances).astype(float)


def skewed(rng):
    """Mostly near the mean, sometimes far above."""
    return 0.5 + np.repeat(rng.gamma(4, size=len(SIZES)) - 4, SIZES) + rng.gamma(4, size=sum(SIZES)) - 4


def test_without_clusters_it_is_the_t_interval():
    values = [1.0, 2.0, 4.0, 8.0, 3.0]
    found = clustered_mean(values, [str(i) for i in range(5)])
    low, high = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    assert found == pytest.approx((np.mean(values), low, high))


def test_intervals_are_those_of_statsmodels():
    import statsmodels.formula.api as smf

    rng = np.random.default_rng(1)
    table = pd.DataFrame({"y": normal(rng), "group": pd.factorize(pd.Series(CLUSTERS))[0]})
    fitted = smf.ols("y ~ 1", table).fit(cov_type="cluster", cov_kwds={"groups": table["group"]}, use_t=True)
    wanted = (fitted.params.iloc[0], *fitted.conf_int().iloc[0])
    assert clustered_mean(table["y"].tolist(), CLUSTERS) == pytest.approx(wanted)


def test_copies_within_a_cluster_add_no_certainty():
    values, clusters = [1.0, 2.0, 4.0], ["a", "b", "c"]
    once, thrice = clustered_mean(values, clusters), clustered_mean(values * 3, clusters * 3)
    assert thrice == pytest.approx(once)
    one, three = sign_flip_test(values, clusters), sign_flip_test(values * 3, clusters * 3)
    assert one == three == 0.25


def test_one_cluster_has_no_interval_and_no_test():
    found = paired_difference([1.0, 2.0], [0.0, 0.0], ["a", "a"])
    assert found.mean == 1.5
    assert all(math.isnan(each) for each in found[1:])


def test_an_infinite_value_has_no_interval_and_no_test():
    """PSNR is infinite for an image that is its input."""
    found = clustered_mean([math.inf, 1.0], ["a", "b"])
    assert found.mean == math.inf and math.isnan(found.low)
    found = paired_difference([math.inf, 1.0, 2.0], [math.inf, 1.0, 1.0], ["a", "b", "c"])
    assert all(math.isnan(each) for each in found)


def test_a_shares_interval_is_wilsons_where_every_pair_has_its_own_picture():
    """With the t quantile, and of n − 1 answers: the variance is estimated with that."""
    values, quantile = [1.0] * 3 + [0.0] * 7, stats.t.ppf(0.975, 9)
    found = clustered_share(values, [str(i) for i in range(10)])
    assert found == pytest.approx((0.3, *wilson_interval(0.3, 9, quantile)))


@pytest.mark.parametrize("answer", [0.0, 1.0])
def test_a_share_where_all_agree_has_an_interval_of_as_many_answers_as_pictures(answer):
    found = clustered_share([answer] * 100, CLUSTERS)
    assert found[1:] == wilson_interval(answer, 40, stats.t.ppf(0.975, 39))
    assert found.mean == answer and 0 <= found.low < found.high <= 1 and found.high - found.low < 0.1
    assert clustered_share([answer] * 4, CLUSTERS[:4]).low >= 0


def test_a_mean_over_seeds_counts_as_one_answer():
    fractions = clustered_share([0.5, 0.75, 0.25, 0.5], list("abcd"))
    assert fractions[1:] == pytest.approx(wilson_interval(0.5, 4, stats.t.ppf(0.975, 3)))


def test_copies_of_a_picture_make_no_share_more_certain():
    values, clusters = [1.0, 0.0, 0.0, 1.0, 0.0], list("abcde")
    assert clustered_share(values * 6, clusters * 6) == pytest.approx(clustered_share(values, clusters), abs=0.02)
    assert clustered_share([1.0] * 12, ["a", "b"] * 6) == clustered_share([1.0] * 2, ["a", "b"])


def test_the_interval_of_a_paired_difference_of_shares_is_tangos():
    """Airway hyper-responsiveness in 21 children, Fagerland et al. 2014 (doi 10.1002/sim.6148): −0.517 to −0.026."""
    from eval.analysis.stats import _tango_interval

    assert _tango_interval(-6 / 21, 8 / 21, 21, stats.norm.ppf(0.975)) == pytest.approx((-0.517, -0.026), abs=5e-4)


def test_a_paired_difference_of_shares_uses_its_interval_and_the_same_test():
    one, other = [1.0, 1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 0.0, 1.0]
    found = paired_difference(one, other, list("abcde"), share=True)
    assert found[:3] == share_difference([1.0, 0.0, 0.0, 1.0, 0.0], list("abcde"))
    assert found.p == paired_difference(one, other, list("abcde")).p


@pytest.mark.parametrize("difference", [-1.0, 0.0, 1.0])
def test_equal_differences_of_shares_leave_a_doubt_that_shrinks_with_the_pictures(difference):
    few, many = (share_difference([difference] * n, [str(i) for i in range(n)]) for n in (5, 50))
    for found in (few, many):
        assert -1 <= found.low <= difference <= found.high <= 1
    assert 0 < many.high - many.low < 0.2 < few.high - few.low


def test_intervals_of_shares_stay_within_what_is_possible_whatever_the_answers():
    rng = np.random.default_rng(0)
    for _ in range(500):
        seeds, n = rng.integers(1, 5), rng.integers(2, 12)
        differences = rng.integers(-seeds, seeds + 1, n) / seeds
        clusters = ["first", *map(str, rng.integers(0, n, n - 1))]
        mean, low, high = share_difference(differences.tolist(), clusters)
        assert -1 <= low <= mean <= high <= 1 and low < high
        mean, low, high = clustered_share(abs(differences).tolist(), clusters)
        assert 0 <= low < high <= 1 and low - 1e-12 <= mean <= high + 1e-12


def test_one_picture_has_no_interval_of_a_share():
    for found in (clustered_share([1.0, 0.0], ["a", "a"]), share_difference([1.0, 0.0], ["a", "a"])):
        assert found.mean == 0.5 and math.isnan(found.low) and math.isnan(found.high)


@pytest.mark.parametrize("draw", [normal, judged, skewed])
def test_nominal_95_percent_intervals_cover(draw):
    """40 source images with as many texts each as in TEdBench."""
    rng = np.random.default_rng(0)
    rounds = 2000
    found = [clustered_mean(draw(rng), CLUSTERS) for _ in range(rounds)]
    assert 0.93 <= sum(each.low <= 0.5 <= each.high for each in found) / rounds <= 0.97


def test_intervals_of_paired_differences_cover_and_are_narrower_than_of_two_means():
    """Both methods find the same source images hard, and one is better by 0.2."""
    rng = np.random.default_rng(0)
    rounds, hits, narrower = 1000, 0, 0
    for _ in range(rounds):
        image = 2 * np.repeat(rng.normal(size=len(SIZES)), SIZES)
        one, two = (image + np.repeat(rng.normal(size=len(SIZES)), SIZES) / 2 + rng.normal(size=100) for _ in range(2))
        found = clustered_mean(0.2 + one - two, CLUSTERS)
        hits += found.low <= 0.2 <= found.high
        narrower += found.high - found.low < clustered_mean(one, CLUSTERS).high - clustered_mean(one, CLUSTERS).low
    assert 0.93 <= hits / rounds <= 0.97
    assert narrower > 0.9 * rounds


def test_the_permutation_test_keeps_its_level_where_one_that_forgets_clusters_does_not():
    rng = np.random.default_rng(0)
    rounds, singles = 300, [str(i) for i in range(len(CLUSTERS))]
    with_clusters = without = 0
    for _ in range(rounds):
        differences = normal(rng) - 0.5
        with_clusters += sign_flip_test(differences, CLUSTERS, resamples=199) <= 0.05
        without += sign_flip_test(differences, singles, resamples=199) <= 0.05
    assert with_clusters / rounds <= 0.09
    assert without / rounds > 0.12


def test_the_permutation_test_is_exact_for_few_clusters_and_repeats_for_many():
    assert sign_flip_test([1.0, 2.0, 3.0, 4.0], ["a", "a", "b", "c"]) == 2 / 2**3
    assert sign_flip_test([1.0, -1.0, 1.0, -1.0], ["a", "b", "c", "d"]) == 1.0
    differences = normal(np.random.default_rng(3)) - 0.3
    assert sign_flip_test(differences, CLUSTERS) == sign_flip_test(differences, CLUSTERS)


def test_a_clear_difference_is_found_with_its_sign():
    rng = np.random.default_rng(0)
    one = normal(rng)
    found = paired_difference(one, one + 0.3 + rng.normal(size=100) / 10, CLUSTERS)
    assert found.high < 0 and found.p < 0.001


def test_holm_multiplies_by_what_is_left_and_never_falls():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    first, second = holm([0.02, math.nan])
    assert first == 0.02 and math.isnan(second)
    assert holm([]) == []


def test_holm_is_that_of_statsmodels():
    from statsmodels.stats.multitest import multipletests

    for seed in range(5):
        p = np.random.default_rng(seed).integers(0, 40, 12) / 40
        assert holm(p.tolist()) == multipletests(p, method="holm")[1].tolist()


def test_an_interval_is_cut_at_the_bounds_of_the_score_and_holds_its_mean():
    assert Interval(0.5, -1.5, 2.6).within((0.0, 1.0)) == (0.5, 0.0, 1.0)
    assert Interval(0.5, -1.5, 2.6).within((None, 1.0)) == (0.5, -1.5, 1.0)
    assert Interval(1.0 + 1e-9, 0.9, 1.1).within((0.0, 1.0)) == (1.0 + 1e-9, 0.9, 1.0 + 1e-9)
    unknown = Interval(0.5, math.nan, math.nan).within((0.0, 1.0))
    assert math.isnan(unknown.low) and math.isnan(unknown.high)
