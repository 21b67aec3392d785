from __future__ import annotations

import pytest
import torch
from diffusers import DPMSolverMultistepScheduler

from imagic.models.stepping import Stepper
from tests.imagic.conftest import vp


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_the_stochastic_solver_takes_diffusers_steps(kind, monkeypatch):
    process, steps = vp(kind, set_alpha_to_one=True), 20
    reference = DPMSolverMultistepScheduler.from_config(
        process.scheduler.config, algorithm_type="sde-dpmsolver++", solver_order=2, final_sigmas_type="zero"
    )
    reference.set_timesteps(steps)
    monkeypatch.setattr(
        "diffusers.schedulers.scheduling_dpmsolver_multistep.randn_tensor", lambda shape, **_: torch.zeros(shape)
    )
    levels = process.schedule(steps)
    assert levels[:-1].tolist() == reference.timesteps.tolist()
    generator = torch.Generator().manual_seed(0)
    x = other = torch.randn(1, 4, 8, 8, generator=generator)
    stepper = Stepper(process, levels, "sde_dpm_solver")
    for i in range(steps):
        out = 0.5 * torch.tanh(x) + 0.1 * i / steps
        x = stepper.step(i, x, out)
        other = reference.step(out, reference.timesteps[i], other).prev_sample
        torch.testing.assert_close(x, other, atol=1e-4, rtol=1e-4)


def test_ddim_is_the_process_own_step(process, noise):
    levels, x = process.schedule(5), noise()
    found = Stepper(process, levels).step(2, x, 0.5 * x)
    assert torch.equal(found, process.step(x, 0.5 * x, levels[2], levels[3]))
