"""The denoising objective that both optimisation stages share (paper, section 3.2, equation 2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from imagic.errors import DivergedError
from imagic.models.base import DiffusionModel
from imagic.models.text import Text


def denoising_loss(model: DiffusionModel, x0: Tensor, text: Text, draws: int, rng: torch.Generator) -> Tensor:
    """Return L(x, e, θ) = E_{t, ε} ‖target − f_θ(x_t, t, e)‖², averaged over elements and ``draws`` draws of t and ε.

    Args:
        model: f_θ; the target is ε, or what its process has in place of it.
        x0: the input's latents, (1, C, h, w).
        text: e, one for all or one for each draw.
        draws: number of (t, ε), all in one batch. The paper gives no batch size; 1 is a plain reading.
        rng: a CPU generator; first t then ε is drawn from it.

    Raises:
        DivergedError: the loss is not finite.
    """
    loss = denoising_losses(model, x0, text.expand(draws), draws, [rng]).sum()
    if not torch.isfinite(loss):
        raise diverged(loss.item())
    return loss


def denoising_losses(
    model: DiffusionModel, x0: Tensor, text: Text, draws: int, rngs: Sequence[torch.Generator]
) -> Tensor:
    """Return :func:`denoising_loss` of each of several pairs, computed in one batch: (B,), not checked for NaN.

    Args:
        model: f_θ; the target is ε, or what its process has in place of it.
        x0: (B, C, h, w).
        text: one for each draw, pair by pair, B · draws.
        draws: number of (t, ε) for each pair.
        rngs: one CPU generator per pair; the draws from it equal those for that pair alone.
    """
    process, drawn = model.process, []
    for rng in rngs:
        t = process.draw(draws, rng)
        drawn.append((t, torch.randn((draws, *x0.shape[1:]), generator=rng)))
    t, eps = (torch.cat(each).to(model.device) for each in zip(*drawn, strict=True))
    x0 = x0.repeat_interleave(draws, 0)
    out = model.predict(process.mix(x0, eps, t), t, text)
    return (process.target(x0, eps, t) - out).square().unflatten(0, (-1, draws)).flatten(1).mean(1)


def diverged(loss: float) -> DivergedError:
    """Return the error for a loss that is not finite."""
    return DivergedError(f"the loss became {loss}; a smaller learning rate may help")
