"""The weights of the denoising loss."""

from __future__ import annotations

import pytest
import torch
from diffusers import DDPMScheduler

from picturebook.train.denoising import MIN_SNR_GAMMA, weighted_denoising_loss


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_the_loss_weighs_timesteps_by_their_signal_to_noise_ratio(prediction):
    scheduler = DDPMScheduler(beta_schedule="squaredcos_cap_v2", prediction_type=prediction)
    seen = []

    def one_off(x_t, t):
        """Return the answer for an empty picture, plus one, so that each squared error is one."""
        seen.append(t)
        alpha_bar = scheduler.alphas_cumprod[t].double()[:, None, None, None]
        eps = x_t / (1 - alpha_bar).sqrt()
        return (eps * alpha_bar.sqrt() if prediction == "v_prediction" else eps) + 1

    loss = weighted_denoising_loss(scheduler, one_off, torch.zeros(64, 3, 4, 4), torch.Generator().manual_seed(0))
    alpha_bar = scheduler.alphas_cumprod[seen[0]].double()
    if prediction == "v_prediction":
        weights = (MIN_SNR_GAMMA * (1 - alpha_bar)).clamp(max=1)  # γ / (SNR + 1)
        assert weights[seen[0] > 900].eq(1).all()
    else:
        snr = alpha_bar / (1 - alpha_bar)
        weights = snr.clamp(max=MIN_SNR_GAMMA) / snr
    assert loss.item() == pytest.approx(weights.mean().item(), rel=1e-3)
