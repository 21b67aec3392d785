"""How much of the requested change a pair gains, and how much it loses before the change is there."""

from __future__ import annotations

import pandas as pd
import pytest

from eval.present.figures.failures import case

STRENGTHS = [0.0, 0.5, 0.75, 1.0]


def measured(alignment, fidelity):
    return case(pd.Series(alignment, STRENGTHS), pd.Series(fidelity, STRENGTHS))


def test_the_gain_is_up_to_the_highest_alignment_and_the_loss_is_before_half_of_it():
    found = measured([0.2, 0.25, 0.6, 0.5], [1.0, 0.9, 0.7, 0.4])
    assert found.gained == (pytest.approx(0.4), 0.75)
    assert found.lost == (pytest.approx(0.1), 0.5)


def test_where_the_change_comes_with_the_first_step_nothing_was_lost_before():
    assert measured([0.2, 0.6, 0.6, 0.6], [1.0, 0.1, 0.1, 0.1]).lost == (0.0, 0.0)


def test_where_alignment_never_rises_nothing_is_gained_or_lost():
    found = measured([0.5, 0.4, 0.3, 0.2], [1.0, 0.9, 0.8, 0.7])
    assert found.gained == (0.0, 0.0) and found.lost == (0.0, 0.0)


def test_a_change_that_comes_last_loses_all_that_went_before():
    assert measured([0.2, 0.2, 0.2, 0.6], [1.0, 0.9, 0.3, 0.1]).lost == (pytest.approx(0.7), 0.75)
