"""Noise processes, and samplers on a model in closed form."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from diffusers import DDIMScheduler, FlowMatchEulerDiscreteScheduler

from imagic.models.flow import Flow
from imagic.models.process import VariancePreserving
from imagic.models.sampling import ddim, dpm_solver, invert
from tedbench.errors import UserError

STEPS = (7, 10, 30, 64)
"""Some that divide a model's timesteps, and some that do not."""


def test_a_prediction_gives_back_image_and_noise(process, noise):
    x0, eps, levels = noise(1), noise(2), process.schedule(10)
    for t in levels[1:-1]:
        x_t = process.mix(x0, eps, t)
        out = process.target(x0, eps, t)
        torch.testing.assert_close(process.x0_of(out, x_t, t), x0, atol=2e-4, rtol=1e-4)
        torch.testing.assert_close(process.eps_of(out, x_t, t), eps, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("steps", STEPS)
def test_levels_go_down_to_the_images_own(process, steps):
    levels = process.schedule(steps)
    assert len(levels) == steps + 1 and (levels.diff() < 0).all()
    _, sigma = process.scales(levels)
    assert (sigma.flatten().diff() < 0).all() and sigma[-1] < 0.03


def test_levels_of_a_loss_are_those_that_the_network_knows(process):
    t = process.draw(1000, torch.Generator().manual_seed(0))
    alpha, sigma = process.scales(t)
    assert t.shape == (1000,) and (sigma > 0).all() and alpha.std() > 0.2


@pytest.mark.parametrize("steps", STEPS)
def test_with_the_true_noise_every_step_is_exact_in_both_directions(process, noise, steps):
    x0, eps, levels = noise(1), noise(2), process.schedule(steps)
    for t, s in ((levels[1], levels[2]), (levels[2], levels[1]), (levels[-2], levels[-1])):
        x_t = process.mix(x0, eps, t)
        x_s = process.step(x_t, process.target(x0, eps, t), t, s)
        torch.testing.assert_close(x_s, process.mix(x0, eps, s), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("sampler", [ddim, dpm_solver])
def test_samples_have_the_models_own_mean_and_spread(gaussian, noise, sampler):
    text = gaussian.encode(0.7)
    x = sampler(gaussian, noise(0, 64), text.expand(64), text, steps=50, guidance=1)
    assert abs(x.mean() - 0.7) < 0.05 and abs(x.std() - 0.5) < 0.06


def test_stochastic_samples_have_them_too(gaussian, noise):
    text, start = gaussian.encode(0.7).expand(64), noise(0, 64)
    calls = iter(range(1, 100))
    x = ddim(
        gaussian, start, text, text[:1], steps=50, guidance=1, ddim_eta=1.0, noise=lambda _: noise(next(calls), 64)
    )
    assert abs(x.mean() - 0.7) < 0.05 and abs(x.std() - 0.5) < 0.06


def test_inversion_is_undone_with_an_error_of_first_order(gaussian, noise):
    x0, text = 0.7 + 0.5 * noise(3), gaussian.encode(0.7)
    errors = []
    for steps in (25, 50, 100):
        path = invert(gaussian, x0, text, steps=steps)
        assert len(path) == steps + 1 and torch.equal(path[0], x0)
        back = ddim(gaussian, path[-1], text, text, steps=steps, guidance=1)
        errors.append((back - x0).abs().max().item())
    assert errors[2] < 0.1
    assert all(1.5 < one / other < 3 for one, other in pairwise(errors))  # halved with each doubling


def test_an_inversion_to_a_depth_is_the_beginning_of_the_whole(gaussian, noise):
    x0, text = noise(3), gaussian.encode(0.7)
    whole, part = (invert(gaussian, x0, text, steps=10, depth=depth) for depth in (None, 4))
    assert len(part) == 5 and all(torch.equal(a, b) for a, b in zip(part, whole, strict=False))


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_a_flows_sampler_is_diffusers_euler_bit_by_bit(noise, shift):
    scheduler = FlowMatchEulerDiscreteScheduler(shift=shift)
    process, x = Flow(scheduler, "toy", torch.device("cpu")), noise()
    levels = process.schedule(9)
    scheduler.set_timesteps(9)
    for i, t in enumerate(scheduler.timesteps):
        out = noise(i + 1)
        theirs, ours = scheduler.step(out, t, x).prev_sample, process.step(x, out, levels[i], levels[i + 1])
        assert torch.equal(ours, theirs)
        x = ours


@pytest.mark.parametrize("ddim_eta", [0.0, 1.0])
@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("limit", [{}, {"clip_sample": True}, {"thresholding": True, "sample_max_value": 1.5}])
def test_ddims_step_is_diffusers_bit_by_bit(noise, ddim_eta, kind, limit):
    settings = {"clip_sample": False, "timestep_spacing": "trailing", "prediction_type": kind, **limit}
    scheduler = DDIMScheduler(**settings)
    process, x = VariancePreserving(scheduler, "toy", torch.device("cpu")), noise(0, 2)
    scheduler.set_timesteps(8)
    levels = process.schedule(8)
    for i, t in enumerate(scheduler.timesteps):
        out, z = noise(2 * i + 1, 2), noise(2 * i + 2, 2)
        theirs = scheduler.step(out, t, x, eta=ddim_eta, variance_noise=z if ddim_eta else None).prev_sample
        x = process.step(x, out, levels[i], levels[i + 1], ddim_eta=ddim_eta, noise=z if ddim_eta else None)
        assert torch.equal(x, theirs)


def test_steps_that_the_timesteps_do_not_hold_are_refused():
    device = torch.device("cpu")
    with pytest.raises(UserError, match="toy has 1000 timesteps"):
        VariancePreserving(DDIMScheduler(), "toy", device).schedule(1001)
    offset = DDIMScheduler(timestep_spacing="leading", steps_offset=1)
    assert len(VariancePreserving(offset, "toy", device).schedule(500)) == 501
    with pytest.raises(UserError, match="toy cannot take 1000 steps"):
        VariancePreserving(offset, "toy", device).schedule(1000)


def test_other_predictions_and_other_flows_are_refused():
    with pytest.raises(UserError, match="toy predicts 'sample'"):
        VariancePreserving(DDIMScheduler(prediction_type="sample"), "toy", torch.device("cpu"))
    with pytest.raises(UserError, match="toy's scheduler has invert_sigmas"):
        Flow(FlowMatchEulerDiscreteScheduler(invert_sigmas=True), "toy", torch.device("cpu"))
