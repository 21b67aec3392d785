"""95% intervals hold the truth in 93 to 98% of simulated benchmarks; `python -m benchmarks.coverage` is the longer version."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import coverage as simulated
from eval.analysis.stats import clustered_mean, clustered_share, share_difference

ROUNDS = 1000


def held(draw, truth, method, bounds=None, rounds=ROUNDS):
    found = simulated.coverage(simulated.SimulatedCase("", draw, truth, method), rounds, seed=2, bounds=bounds)
    assert found.impossible == 0
    return found.covers


def test_it_simulates_tedbenchs_pairs_on_its_pictures():
    sizes = np.bincount(simulated.clusters())
    assert (len(sizes), sizes.sum(), sizes.max()) == (39, 100, 6)


@pytest.mark.parametrize("draw", [simulated.normal, simulated.skewed])
def test_intervals_of_means_and_of_their_paired_differences_cover(draw):
    assert 0.93 <= held(draw, 0.0, clustered_mean, rounds=3000) <= 0.98
    assert 0.93 <= held(lambda rng: draw(rng) - draw(rng), 0.0, clustered_mean, rounds=3000) <= 0.98


@pytest.mark.parametrize("share", simulated.SHARES)
def test_intervals_of_shares_cover_and_stay_within_what_is_possible(share):
    assert 0.93 <= held(simulated.judged(share), share, clustered_share, (0, 1)) <= 0.98


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_intervals_of_shares_cover_where_a_pairs_value_is_a_mean_over_seeds(share):
    assert 0.93 <= held(simulated.judged(share, seeds=4), share, clustered_share, (0, 1)) <= 0.985


@pytest.mark.parametrize(("one", "other"), simulated.TWO_SHARES)
def test_intervals_of_paired_differences_of_shares_cover_and_stay_within_what_is_possible(one, other):
    assert 0.93 <= held(simulated.judged_twice(one, other), one - other, share_difference, (-1, 1)) <= 0.98


def test_the_t_interval_of_a_share_does_not_and_leaves_what_is_possible():
    """So that the simulation can tell."""
    case = simulated.SimulatedCase("", simulated.judged(0.02), 0.02, clustered_mean)
    found = simulated.coverage(case, ROUNDS, bounds=(0, 1))
    assert found.covers < 0.85 and found.impossible > 0.5


def test_the_command_prints_a_row_for_each_interval(capsys):
    simulated.main(["--rounds", "2", "--seeds", "1"])
    said = capsys.readouterr().out
    assert "| share 0.02, seeds 1 |" in said and "| difference 0.98 − 0.02, seeds 1 |" in said
