"""Solvers of a flow, on a model in closed form."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from imagic.models.flow_solvers import integrate, invert_by_correction


@pytest.fixture
def velocity(flow_gaussian):
    """The velocity of a model in closed form, and the number of its evaluations in a list."""
    text, calls = flow_gaussian.encode(0.7), []

    def v(step, x, t):
        calls.append(step)
        return flow_gaussian.predict(x, t.repeat(len(x)), text.expand(len(x)))

    return v, calls


@pytest.mark.parametrize(
    ("solver", "order"), [("euler", 1), ("midpoint", 2), ("fireflow", 2)], ids=["euler", "midpoint", "fireflow"]
)
def test_errors_shrink_by_the_order_of_the_solver_when_steps_double(velocity, noise, solver, order):
    v, _ = velocity
    exact = integrate(v, noise(1), torch.linspace(1, 0, 2001), "midpoint")[-1]
    errors = [
        (integrate(v, noise(1), torch.linspace(1, 0, n + 1), solver)[-1] - exact).abs().max().item()
        for n in (16, 32, 64)
    ]
    for one, other in pairwise(errors):
        assert one / other > 2**order * 0.7
        assert order > 1 or one / other < 3


@pytest.mark.parametrize(("solver", "evaluations"), [("euler", 10), ("midpoint", 20), ("fireflow", 11)])
def test_a_step_costs_what_the_solver_says(velocity, noise, solver, evaluations):
    v, calls = velocity
    assert len(integrate(v, noise(1), torch.linspace(1, 0, 11), solver)) == 11
    assert len(calls) == evaluations and calls[-1] == 9


def test_fireflow_with_one_step_is_a_midpoint_step(velocity, noise):
    v, _ = velocity
    one, other = (integrate(v, noise(1), torch.tensor([1.0, 0.0]), solver)[-1] for solver in ("midpoint", "fireflow"))
    assert torch.equal(one, other)


@pytest.mark.parametrize("solver", ["euler", "midpoint", "fireflow"])
def test_up_and_down_again_gives_the_image_back_ever_better(velocity, noise, solver):
    v, _ = velocity
    errors = []
    for n in (10, 40):
        levels = torch.linspace(1, 0, n + 1)
        up = integrate(v, noise(2), levels.flip(0), solver)[-1]
        errors.append((integrate(v, up, levels, solver)[-1] - noise(2)).abs().max().item())
    assert errors[1] < errors[0] / 2.5


def test_a_corrected_inversion_is_undone_by_euler_far_better_than_eulers_own(velocity, noise):
    v, calls = velocity
    levels = torch.linspace(1, 0, 21)
    path = invert_by_correction(v, noise(2), levels.flip(0))
    assert len(path) == 21 and len(calls) == 21
    plain = integrate(v, noise(2), levels.flip(0))
    corrected, own = ((integrate(v, end, levels)[-1] - noise(2)).abs().max().item() for end in (path[-1], plain[-1]))
    assert corrected < own / 5
