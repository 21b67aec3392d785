"""Samplers, as free functions on any model of :mod:`imagic.models`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from diffusers import DDIMInverseScheduler, DDIMScheduler, DPMSolverMultistepScheduler
from torch import Tensor

from imagic.models.base import DiffusionModel
from tedbench.errors import UserError


def schedule(model: DiffusionModel, steps: int) -> DDIMScheduler:
    """Return a model's DDIM scheduler, set to ``steps`` steps; its ``timesteps`` go from T down.

    Raises:
        UserError: more steps than the model has timesteps.
    """
    if steps > len(model.alphas_cumprod):
        raise UserError(f"{model.name} has {len(model.alphas_cumprod)} timesteps. Give at most as many sampling steps.")
    scheduler = type(model.scheduler).from_config(model.scheduler.config)
    scheduler.set_timesteps(steps, device=model.device)
    return scheduler


@torch.no_grad()
def ddim(
    model: DiffusionModel,
    x_T: Tensor,  # noqa: N803
    e: Tensor,
    e_null: Tensor,
    *,
    steps: int,
    guidance: float | Tensor,
    ddim_eta: float = 0.0,
    noise: Callable[[int], Tensor] | None = None,
    start: Sequence[int] | None = None,
) -> Tensor:
    """Sample with DDIM (Song et al., arXiv 2010.02502, equation 12) under classifier-free guidance.

    Args:
        model: its scheduler's configuration gives the timesteps' spacing.
        x_T: initial noise, (B, C, h, w); with ``start``, the x_t with which each image begins.
        e: one embedding for each image, (B, L, D).
        e_null: embedding of the empty text, (1, L, D).
        steps: number of network evaluations from T to 0.
        guidance: weight w of e against e_null, one for all or (B,); the number 1 uses e alone, at half the cost.
        ddim_eta: DDIM's own η (equation 16): 0 is deterministic, 1 is ancestral sampling as in DDPM
            (Ho et al., arXiv 2006.11239, algorithm 2: the last step adds no noise).
        noise: returns standard normal (B, C, h, w) for a timestep; required if ``ddim_eta`` is not 0.
        start: for each image the index of its first step (0 is at T); before it the image does not change.

    Returns:
        x0, (B, C, h, w) float32.
    """
    scheduler = schedule(model, steps)
    first = min(start) if start is not None else 0
    x = x_T.to(model.device)
    for i, t in enumerate(scheduler.timesteps[first:], first):
        out = _guided(model, x, t.repeat(len(x)), e, e_null, guidance)
        z = None
        if ddim_eta and noise is not None:
            z = torch.zeros_like(x) if i == steps - 1 else noise(int(t)).to(model.device)
        stepped = scheduler.step(out, t, x, eta=ddim_eta, variance_noise=z).prev_sample
        if start is not None and i < max(start):
            joined = torch.tensor([i >= s for s in start], device=model.device)
            stepped = torch.where(joined[:, None, None, None], stepped, x)
        x = stepped
    return x


@torch.no_grad()
def dpm_solver(
    model: DiffusionModel,
    x_T: Tensor,  # noqa: N803
    e: Tensor,
    e_null: Tensor,
    *,
    steps: int,
    guidance: float,
) -> Tensor:
    """Sample with DPM-Solver++ of second order (Lu et al., arXiv 2211.01095).

    Args:
        model: its scheduler's configuration gives the noise schedule.
        x_T: initial noise, (B, C, h, w).
        e: one embedding for each image, (B, L, D).
        e_null: embedding of the empty text, (1, L, D).
        steps: number of network evaluations from T to 0.
        guidance: weight of e against e_null; 1 uses e alone, at half the cost.

    Returns:
        x0, (B, C, h, w) float32.
    """
    scheduler = DPMSolverMultistepScheduler.from_config(
        schedule(model, steps).config, algorithm_type="dpmsolver++", solver_order=2, final_sigmas_type="zero"
    )
    scheduler.set_timesteps(steps, device=model.device)
    x = x_T.to(model.device)
    for t in scheduler.timesteps:
        x = scheduler.step(_guided(model, x, t.repeat(len(x)), e, e_null, guidance), t, x).prev_sample
    return x


def _guided(model: DiffusionModel, x: Tensor, t: Tensor, e: Tensor, e_null: Tensor, guidance: float | Tensor) -> Tensor:
    if not isinstance(guidance, Tensor):
        if guidance == 1:
            return model.predict(x, t, e)
    else:
        guidance = guidance.to(x).reshape(-1, 1, 1, 1)
    both = torch.cat([e_null.expand_as(e), e])
    out_null, out_text = model.predict(torch.cat([x, x]), t.repeat(2), both).chunk(2)
    return out_null + guidance * (out_text - out_null)


@torch.no_grad()
def ddim_invert(
    model: DiffusionModel, x0: Tensor, e: Tensor, *, steps: int, progress: Callable[[int], None] | None = None
) -> Tensor:
    """Invert DDIM: return the noise x_T that :func:`ddim` decodes into x0, under e alone (guidance 1).

    Each step undoes one of :func:`ddim`'s at the same timestep, with the noise predicted at the known point x_{t−Δ} in
    place of x_t (Dhariwal & Nichol, arXiv 2105.05233, appendix F); more steps are more exact.

    Args:
        model: its scheduler's configuration gives the timesteps' spacing.
        x0: (B, C, h, w).
        e: one embedding for each, (B, L, D).
        steps: number of network evaluations; decode with the same number.
        progress: called with the number of steps done.

    Returns:
        x_T, (B, C, h, w) float32.
    """
    scheduler = DDIMInverseScheduler.from_config(model.scheduler.config, clip_sample=False)
    scheduler.set_timesteps(steps, device=model.device)
    x = x0.to(model.device)
    for i, t in enumerate(scheduler.timesteps):
        x = scheduler.step(model.predict(x, t.repeat(len(x)), e), t, x).prev_sample
        if progress is not None:
            progress(i + 1)
    return x
