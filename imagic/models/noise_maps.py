"""Noise maps: what a sampler's steps leave out of a given image, so that adding it gives the image back exactly."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from imagic.models.base import DiffusionModel
from imagic.models.process import Process
from imagic.models.sampling import guided
from imagic.models.stepping import Solver, Stepper
from imagic.models.text import Text

Chain = Literal["independent", "markov", "posterior"]
"""The noisy chain of an image: fresh noise at every level (Huberman-Spiegelglas et al., arXiv 2304.06140), the forward
process from level to level (Nie et al., arXiv 2311.01410), or backwards given the image (Wu & De la Torre,
arXiv 2210.05559)."""


class NoiseMaps(NamedTuple):
    """An image's chain, and what DDIM's steps along it leave out.

    Attributes:
        x: at each level, the noise first, (steps + 1 − start) tensors (B, C, h, w); the last one is the image.
        residuals: x_s − μ(x_t) of each step of the schedule, for :class:`~imagic.models.lockstep.Branch`. They are
            stored as they are and not divided by σ, which is 0 at the last step of some models.
    """

    x: list[Tensor]
    residuals: list[Tensor]


@torch.no_grad()
def noise_maps(
    model: DiffusionModel,
    x0: Tensor,
    text: Text,
    null: Text,
    *,
    steps: int,
    chain: Chain,
    noise: Callable[[int], Tensor],
    guidance: float = 1.0,
    ddim_eta: float = 1.0,
    start: int = 0,
    solver: Solver = "ddim",
    batch: int = 1,
) -> NoiseMaps:
    """Draw an image's noisy chain and return what a sampler's steps leave out of it.

    Args:
        model: its process gives the levels.
        x0: the image, (B, C, h, w).
        text, null: B texts, and the empty text.
        steps: of the sampler; sample with the same number and the same ``ddim_eta``, guidance and texts.
        chain: how the chain is drawn.
        noise: returns standard normal (B, C, h, w) for a number from 0 (the noisiest level) to steps − 1.
        guidance: weight of the text against the empty one; 1 uses the text alone.
        ddim_eta: DDIM's own η, of the sampler and of the posterior chain.
        start: number of the first step that will be taken.
        solver: of the sampler.
        batch: number of steps whose predictions are computed in one network call: the chain is known beforehand, so they
            do not depend on each other. The last call is filled up, so that bits do not depend on ``start``.

    Returns:
        The chain from level ``start`` on, and a residual for every step; those before ``start`` are zero.
    """
    process, levels = model.process, model.process.schedule(steps)
    x0 = x0.to(model.device)
    draw = lambda i: noise(i).to(model.device)
    x = CHAINS[chain](process, x0, levels[start:], lambda i: draw(i + start), ddim_eta)
    outs: list[Tensor] = []
    for done in range(start, steps, batch):
        chosen = list(range(done, min(done + batch, steps)))
        full = [*chosen, *chosen[-1:] * (batch - len(chosen))]
        at, t = torch.cat([x[i - start] for i in full]), levels[full].repeat_interleave(len(x0))
        outs += guided(model, at, t, Text.cat([text] * batch), null, guidance).split(len(x0))[: len(chosen)]
    stepper = Stepper(process, levels, solver, ddim_eta)
    means = [stepper.step(i, x[i - start], out) for i, out in enumerate(outs, start)]
    residuals = [after - mean for after, mean in zip(x[1:], means, strict=True)]
    return NoiseMaps(x, [torch.zeros_like(x0)] * start + residuals)


def _independent(
    process: Process, x0: Tensor, levels: Tensor, draw: Callable[[int], Tensor], ddim_eta: float
) -> list[Tensor]:
    return [*(process.mix(x0, draw(i), t) for i, t in enumerate(levels[:-1])), x0]


def _markov(
    process: Process, x0: Tensor, levels: Tensor, draw: Callable[[int], Tensor], ddim_eta: float
) -> list[Tensor]:
    """Noise the image step by step: x_t = (α_t / α_s) x_s + √(σ_t² − (α_t / α_s)² σ_s²) ε."""
    found, (alpha_s, sigma_s) = [x0], process.squares(levels[-1])
    for i in reversed(range(len(levels) - 1)):
        alpha_t, sigma_t = process.squares(levels[i])
        share = alpha_t / alpha_s
        found.append(share.sqrt() * found[-1] + (sigma_t - share * sigma_s).sqrt() * draw(i))
        alpha_s, sigma_s = alpha_t, sigma_t
    return found[::-1]


def _posterior(
    process: Process, x0: Tensor, levels: Tensor, draw: Callable[[int], Tensor], ddim_eta: float
) -> list[Tensor]:
    """Noise the image once, then go down with the image itself as the predicted x0."""
    found = [process.mix(x0, draw(0), levels[0])]
    for i, (t, s) in enumerate(pairwise(levels[:-1]), 1):
        alpha, sigma = process.scales(t)
        eps, std = (found[-1] - alpha * x0) / sigma, ddim_eta * process.std(t, s)
        alpha_s, sigma_s = process.squares(s)
        found.append(alpha_s.sqrt() * x0 + (sigma_s - std**2).sqrt() * eps + std * draw(i))
    return [*found, x0]


CHAINS = {"independent": _independent, "markov": _markov, "posterior": _posterior}
