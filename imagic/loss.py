"""The denoising objective that both optimisation stages share (paper, section 3.2, equation 2)."""

from __future__ import annotations

import torch
from torch import Tensor

from imagic.errors import DivergedError
from imagic.models.base import DiffusionModel


def denoising_loss(model: DiffusionModel, x0: Tensor, e: Tensor, draws: int, rng: torch.Generator) -> Tensor:
    """L(x, e, θ) = E_{t, ε} ‖target − f_θ(x_t, t, e)‖², a mean over ``draws`` draws of t and ε and over elements.

    Args:
        model: f_θ; the target is ε, or v for models that predict v.
        x0: the input's latents, (1, C, h, w).
        e: text embedding, (1, L, D), or one for each draw, (draws, L, D).
        draws: how many (t, ε), all in one batch. The paper gives no batch size; 1 is a plain reading.
        rng: a CPU generator; first t then ε is drawn from it.

    Raises:
        DivergedError: the loss is not finite.
    """
    t = torch.randint(len(model.alphas_cumprod), (draws,), generator=rng).to(model.device)
    eps = torch.randn((draws, *x0.shape[1:]), generator=rng).to(model.device)
    x_t = model.add_noise(x0, eps, t)
    out = model.predict(x_t, t, e.expand(draws, -1, -1))
    loss = (model.target(x0, eps, t) - out).square().mean()
    if not torch.isfinite(loss):
        raise DivergedError(f"the loss became {loss.item()}; a smaller learning rate may help")
    return loss
