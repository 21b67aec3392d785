"""Samplers, as free functions on any model of :mod:`imagic.models`."""

from __future__ import annotations

import torch
from torch import Tensor

from imagic.models.latent import LatentDiffusion


@torch.no_grad()
def ddim(model: LatentDiffusion, x_T: Tensor, e: Tensor, e_null: Tensor, *, steps: int, guidance: float) -> Tensor:  # noqa: N803
    """Deterministic DDIM (Song et al., arXiv 2010.02502, equation 12 with σ = 0) under classifier-free guidance.

    Args:
        model: its scheduler's configuration gives the timesteps' spacing.
        x_T: initial noise, (B, C, h, w).
        e: one embedding for each, (B, L, D).
        e_null: embedding of the empty text, (1, L, D).
        steps: number of network evaluations.
        guidance: weight w of e against e_null; 1 uses e alone, at half the cost.

    Returns:
        x0, (B, C, h, w) float32.
    """
    scheduler = type(model.scheduler).from_config(model.scheduler.config)
    scheduler.set_timesteps(steps, device=model.device)
    x = x_T.to(model.device) * scheduler.init_noise_sigma
    for t in scheduler.timesteps:
        batch_t = t.repeat(len(x))
        if guidance == 1:
            out = model.predict(x, batch_t, e)
        else:
            both = torch.cat([e_null.expand_as(e), e])
            out_null, out_text = model.predict(torch.cat([x, x]), batch_t.repeat(2), both).chunk(2)
            out = out_null + guidance * (out_text - out_null)
        x = scheduler.step(out, t, x).prev_sample
    return x
