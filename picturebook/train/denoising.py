"""Captions as tokens, and the denoising loss, shared by the trainings of diffusion models."""

from __future__ import annotations

from collections.abc import Callable

import torch
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from picturebook.train.data import scene_captions
from picturebook.train.tokenizer import MAX_TOKENS
from picturebook.world import Scene

CAPTIONS = 4
"""Captions of each scene."""
EMPTY = 0.1
"""Share of the captions that are replaced by the empty text, for classifier-free guidance."""
MIN_SNR_GAMMA = 5.0
"""Loss weight min(SNR, γ)/SNR of ε (Hang et al., arXiv 2303.09556), with the paper's γ; of v min(SNR + 1, γ)/(SNR + 1).

The paper's weight of v is min(SNR, γ)/(SNR + 1). It vanishes where nearly all is noise, and there the colours of the whole
picture are decided, which a schedule that ends in pure noise has to draw from the text.
"""


class CaptionTokens:
    """The captions of scenes, as tokens."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, scenes: list[Scene]) -> None:
        def encode(texts: list[str]) -> Tensor:
            found = tokenizer(texts, padding="max_length", max_length=MAX_TOKENS, return_tensors="pt")
            return torch.as_tensor(found.input_ids)

        texts = [text for scene in scenes for text in scene_captions(scene, CAPTIONS)]
        self._tokens = encode(texts).reshape(len(scenes), CAPTIONS, -1)
        self._nothing = encode([""])[0]

    def draw(self, index: Tensor, rng: torch.Generator) -> Tensor:
        """Draw one of the captions of each scene of ``index``, or the empty text: (B, L) int64."""
        text = self._tokens[index, torch.randint(CAPTIONS, index.shape, generator=rng)]
        text[torch.rand(len(index), generator=rng) < EMPTY] = self._nothing
        return text


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
