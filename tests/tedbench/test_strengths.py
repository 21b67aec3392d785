"""One strength is one number: rounded to what file names and tables write, wherever it comes in."""

from __future__ import annotations

import numpy as np
import pytest

from tedbench.axis import format_strength, grid, rounded_strength
from tedbench.errors import UserError


@pytest.mark.parametrize(
    ("given", "kept"),
    [(0.1 + 0.2, 0.3), (1 / 3, 0.333333), (-0.0, 0.0), (2, 2.0), (1.2345678e-9, 1.23457e-9), (12.5, 12.5)],
)
def test_a_strength_is_the_number_that_is_written(given, kept):
    assert rounded_strength(given) == kept == float(format_strength(given))
    assert not np.signbit(rounded_strength(0.0 * given))


def test_strengths_of_up_to_six_digits_keep_their_bits():
    for strength in [k / 10 for k in range(21)] + [k / 100 for k in range(-100, 300)] + [7.5, 123.456]:
        assert rounded_strength(strength) == strength


def test_a_sweep_has_rounded_strengths_and_refuses_two_that_are_written_alike():
    assert grid([0.5, 0.1 + 0.2, 0], [0]) == [(0.0, 0), (0.3, 0), (0.5, 0)]
    for twice in ([0.3, 0.1 + 0.2], [0.0, -0.0]):
        with pytest.raises(UserError, match="none twice"):
            grid(twice, [0])
