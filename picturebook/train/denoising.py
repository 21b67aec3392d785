"""The loss of the diffusion models."""

from __future__ import annotations

from collections.abc import Callable

import torch
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from torch import Tensor

MIN_SNR_GAMMA = 5.0
"""Loss weight min(SNR, γ)/SNR of ε (Hang et al., arXiv 2303.09556), with the paper's γ; of v min(SNR + 1, γ)/(SNR + 1).

The paper's weight of v is min(SNR, γ)/(SNR + 1). It vanishes where nearly all is noise, and there the colours of the whole
picture are decided, which a schedule that ends in pure noise has to draw from the text.
"""


def weighted_denoising_loss(
    scheduler: SchedulerMixin, predict: Callable[[Tensor, Tensor], Tensor], x0: Tensor, rng: torch.Generator
) -> Tensor:
    """Return the weighted squared error of a batch's predictions.

    Args:
        scheduler: has ᾱ_t, and the prediction type: the noise ε or the velocity v.
        predict: returns ε or v for (x_t, t), channels last in memory.
        x0: (B, C, h, w).
        rng: CPU generator of noise and timesteps.
    """
    alpha_bar = scheduler.alphas_cumprod
    snr = alpha_bar / (1 - alpha_bar)
    eps = torch.randn(x0.shape, generator=rng)
    t = torch.randint(len(alpha_bar), (len(x0),), generator=rng)
    x_t = scheduler.add_noise(x0, eps, t).contiguous(memory_format=torch.channels_last)
    velocity = scheduler.config.prediction_type == "v_prediction"
    target = scheduler.get_velocity(x0, eps, t) if velocity else eps
    snr = snr + velocity
    weight = (snr.clamp(max=MIN_SNR_GAMMA) / snr)[t]
    return (weight * (predict(x_t, t).float() - target).square().mean(dim=(1, 2, 3))).mean()
