"""DDIM inversion whose predicted noise is kept near white noise (Parmar et al., arXiv 2302.03027, section 3.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from imagic.models.base import DiffusionModel
from imagic.models.sampling import ALONE, guided
from imagic.models.text import Text
from tedbench.settings import Amount, Count, Natural, checked_block

SMALLEST = 8
"""Side at which the pyramid of the auto-correlation ends."""


class Regularisation(NamedTuple):
    """The settings of the regularisation.

    Attributes:
        rounds: how often both terms are applied at each step of the inversion.
        shifts: steps on the auto-correlation in a round, each with other shifts.
        auto_correlation, kl: weights of the two terms; 0 leaves one out.
        least_shift: smallest shift in pixels; a shift of 0 counts the noise's own variance as a correlation.
    """

    rounds: int
    shifts: int
    auto_correlation: float
    kl: float
    least_shift: int

    @classmethod
    def of(cls, name: str, settings: Mapping[str, Any]) -> Regularisation:
        """Check a recipe's block.

        Raises:
            UserError: a setting is missing, unknown or out of its range.
        """
        kinds = {"rounds": Count, "shifts": Count, "auto_correlation": Amount, "kl": Amount, "least_shift": Natural}
        return cls(**checked_block(name, settings, **kinds))


@torch.no_grad()
def regularised_inversion(
    model: DiffusionModel,
    x0: Tensor,
    text: Text,
    *,
    steps: int,
    rule: Regularisation,
    rngs: Sequence[torch.Generator],
    progress: Callable[[int], None] | None = None,
) -> list[Tensor]:
    """Invert as :func:`imagic.models.sampling.invert` does at guidance 1, with each predicted ε brought nearer to noise.

    Args:
        model: its process gives the levels.
        x0: (B, C, h, w).
        text: B texts.
        steps: number of steps between image and noise.
        rule: the regularisation.
        rngs: a CPU generator of shifts for each image, so that an image does not depend on those beside it.
        progress: called with the number of steps done.

    Returns:
        x at each level, steps + 1 tensors (B, C, h, w): x0 first, the noisiest last.
    """
    process, levels = model.process, model.process.schedule(steps).flip(0)
    x = x0.to(model.device)
    found = [x]
    for i in range(steps):
        known, wanted = levels[i], levels[i + 1]
        t = process.inversion_level(known, wanted).repeat(len(x))
        out = guided(model, x, t, text, text, ALONE, step=steps - 1 - i, steps=steps)
        if rule.auto_correlation or rule.kl:
            eps = process.eps_of(out, x, known)
            eps = torch.stack([whitened(each, rule, rng) for each, rng in zip(eps, rngs, strict=True)])
            alpha, sigma = process.scales(known)
            out = process.target((x - sigma * eps) / alpha, eps, known)
        x = process.step(x, out, known, wanted)
        found.append(x)
        if progress is not None:
            progress(i + 1)
    return found


def whitened(eps: Tensor, rule: Regularisation, rng: torch.Generator) -> Tensor:
    """Return the noise of one image, (C, h, w), after gradient steps on both terms."""
    for _ in range(rule.rounds):
        if rule.auto_correlation:
            for _ in range(rule.shifts):
                gradient = _gradient(lambda e: auto_correlation(e, rng, rule.least_shift), eps)
                eps = eps - rule.auto_correlation / rule.shifts * gradient
        if rule.kl:
            eps = eps - rule.kl * _gradient(divergence, eps)
    return eps


def auto_correlation(eps: Tensor, rng: torch.Generator, least_shift: int) -> Tensor:
    """Return the squared correlations of each channel with itself shifted, on a pyramid of averages: a scalar.

    The shift of a channel on a level is drawn below half of its side, and used along both sides.
    """
    total = torch.zeros((), device=eps.device)
    for channel in eps:
        level = channel[None, None]
        while True:
            side = min(level.shape[-2:])
            most = max(side // 2, least_shift + 1)
            shift = int(torch.randint(least_shift, most, (), generator=rng))
            for along in (2, 3):
                total = total + (level * level.roll(shift, along)).mean() ** 2
            if side <= SMALLEST:
                break
            level = F.avg_pool2d(level, 2)
    return total


def divergence(eps: Tensor) -> Tensor:
    """Return twice the Kullback–Leibler divergence of a normal distribution with the noise's moments from N(0, 1)."""
    variance = eps.var()
    return variance + eps.mean() ** 2 - 1 - torch.log(variance + 1e-7)


def _gradient(loss: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    with torch.enable_grad():
        at = at.detach().requires_grad_(True)
        (found,) = torch.autograd.grad(loss(at), at)
    return found
