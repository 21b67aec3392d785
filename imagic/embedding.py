"""Stage A, text embedding optimisation: find e_opt, which matches the image in the vicinity of e_tgt (section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor

from imagic.loss import denoising_loss
from imagic.models.base import DiffusionModel
from tedbench.method import Progress, silent


def optimise_embedding(
    model: DiffusionModel,
    x0: Tensor,
    e_tgt: Tensor,
    *,
    steps: int,
    lr: float,
    rng: torch.Generator,
    draws: int = 1,
    progress: Progress = silent,
) -> Tensor:
    """Optimises the target text's embedding with θ frozen.

    Args:
        model: the pretrained model; its weights do not change.
        x0: the input's latents, (1, C, h, w).
        e_tgt: embedding of the target text, (1, L, D): where the optimisation starts.
        steps, lr: of Adam, at a fixed rate.
        rng: CPU generator of timesteps and noise.
        draws: of timestep and noise, per step.
        progress: told each step.

    Returns:
        e_opt, (1, L, D), without gradient.

    Raises:
        DivergedError: the loss is not finite.
    """
    e = e_tgt.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([e], lr=lr)
    for step in range(steps):
        optimizer.zero_grad()
        denoising_loss(model, x0, e, draws, rng).backward()
        optimizer.step()
        progress("embedding", step + 1, steps)
    return e.detach()
