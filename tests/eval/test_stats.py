from __future__ import annotations

import math

import numpy as np
import pytest

from eval.stats import clustered_mean


def test_without_clusters_it_is_the_t_interval():
    from scipy import stats

    values = [1.0, 2.0, 4.0, 8.0, 3.0]
    found = clustered_mean(values, [str(i) for i in range(5)])
    low, high = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    assert found == pytest.approx((np.mean(values), low, high))


def test_copies_within_a_cluster_add_no_certainty():
    values, clusters = [1.0, 2.0, 4.0], ["a", "b", "c"]
    once, thrice = clustered_mean(values, clusters), clustered_mean(values * 3, clusters * 3)
    assert thrice == pytest.approx(once)


def test_one_cluster_has_no_interval():
    found = clustered_mean([1.0, 2.0], ["a", "a"])
    assert found.mean == 1.5
    assert math.isnan(found.low) and math.isnan(found.high)


def test_nominal_95_percent_intervals_cover():
    """40 source images with as many texts each as in TEdBench; half of the variance is the image's."""
    rng = np.random.default_rng(0)
    sizes = [1] * 16 + [2] * 6 + [3] * 7 + [4] * 5 + [5] * 5 + [6]
    clusters = [str(i) for i, n in enumerate(sizes) for _ in range(n)]
    hits, rounds = 0, 2000
    for _ in range(rounds):
        effects = np.repeat(rng.normal(size=len(sizes)), sizes)
        found = clustered_mean(0.5 + effects + rng.normal(size=sum(sizes)), clusters)
        hits += found.low <= 0.5 <= found.high
    assert 0.93 <= hits / rounds <= 0.97
