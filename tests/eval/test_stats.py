from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from eval.stats import clustered_mean, holm, paired_difference, sign_flip_test

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
