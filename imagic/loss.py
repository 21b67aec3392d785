"""The denoising objective that both optimisation stages share (paper, section 3.2, equation 2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from imagic.errors import DivergedError
from imagic.models.base import DiffusionModel


def denoising_loss(model: DiffusionModel, x0: Tensor, e: Tensor, draws: int, rng: torch.Generator) -> Tensor:
    """Return L(x, e, θ) = E_{t, ε} ‖target − f_θ(x_t, t, e)‖², averaged over elements and ``draws`` draws of t and ε.

    Args:
        model: f_θ; the target is ε, or v for models that predict v.
        x0: the input's latents, (1, C, h, w).
        e: text embedding, (1, L, D), or one for each draw, (draws, L, D).
        draws: number of (t, ε), all in one batch. The paper gives no batch size; 1 is a plain reading.
        rng: a CPU generator; first t then ε is drawn from it.

    Raises:
        DivergedError: the loss is not finite.
    """
    loss = denoising_losses(model, x0, e.expand(draws, -1, -1), draws, [rng]).sum()
    if not torch.isfinite(loss):
        raise diverged(loss.item())
    return loss


def denoising_losses(
    model: DiffusionModel, x0: Tensor, e: Tensor, draws: int, rngs: Sequence[torch.Generator]
) -> Tensor:
    """Return :func:`denoising_loss` of each of several pairs, computed in one batch: (B,), not checked for NaN.

    Args:
        model: f_θ; the target is ε, or v for models that predict v.
        x0: (B, C, h, w).
        e: one for each draw, pair by pair, (B · draws, L, D).
        draws: number of (t, ε) for each pair.
        rngs: one CPU generator per pair; the draws from it equal those for that pair alone.
    """
    drawn = []
    for rng in rngs:
        t = torch.randint(len(model.alphas_cumprod), (draws,), generator=rng)
        drawn.append((t, torch.randn((draws, *x0.shape[1:]), generator=rng)))
    t, eps = (torch.cat(each).to(model.device) for each in zip(*drawn, strict=True))
    x0 = x0.repeat_interleave(draws, 0)
    out = model.predict(model.add_noise(x0, eps, t), t, e)
    return (model.target(x0, eps, t) - out).square().unflatten(0, (-1, draws)).flatten(1).mean(1)


def diverged(loss: float) -> DivergedError:
    """Return the error for a loss that is not finite."""
    return DivergedError(f"the loss became {loss}; a smaller learning rate may help")
