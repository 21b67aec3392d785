"""Samplers, as free functions on any model of :mod:`imagic.models`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from imagic.models.base import DiffusionModel
from imagic.models.control import Moment
from imagic.models.text import Text

ALONE = 1
"""The guidance that uses a text's own prediction, at half the cost."""


@torch.no_grad()
def ddim(
    model: DiffusionModel,
    x_T: Tensor,  # noqa: N803
    text: Text,
    null: Text,
    *,
    steps: int,
    guidance: float | Tensor,
    ddim_eta: float = 0.0,
    noise: Callable[[int], Tensor] | None = None,
    start: Sequence[int] | None = None,
) -> Tensor:
    """Sample with DDIM (Song et al., arXiv 2010.02502, equation 12), on a flow Euler's method, with guidance.

    Args:
        model: its process gives the levels.
        x_T: initial noise, (B, C, h, w); with ``start``, the x_t with which each image begins.
        text: B texts.
        null: the empty text, one for all or B.
        steps: number of network evaluations from noise to image.
        guidance: weight w of the text against the empty one, one for all or (B,); the number 1 uses the text alone, at
            half the cost (classifier-free guidance, Ho & Salimans, arXiv 2207.12598).
        ddim_eta: DDIM's own η (equation 16): 0 is deterministic, 1 is ancestral sampling as in DDPM
            (Ho et al., arXiv 2006.11239, algorithm 2: the last step adds no noise).
        noise: returns standard normal (B, C, h, w) for a step's timestep, or on a flow for its number; required if ``ddim_eta``
            is not 0.
        start: for each image the index of its first step (0 is at the noise); before it the image does not change.

    Returns:
        x0, (B, C, h, w) float32.
    """
    process, levels = model.process, model.process.schedule(steps)
    x = x_T.to(model.device)
    for i in range(min(start) if start is not None else 0, steps):
        t, s = levels[i], levels[i + 1]
        out = guided(model, x, t.repeat(len(x)), text, null, guidance, step=i, steps=steps)
        last = i == steps - 1
        number = i if t.is_floating_point() else int(t)
        z = noise(number).to(model.device) if ddim_eta and noise is not None and not last else None
        stepped = process.step(x, out, t, s, ddim_eta=ddim_eta, noise=z)
        x = stepped if start is None or i >= max(start) else joined(stepped, x, i, start)
    return x


def joined(after: Tensor, before: Tensor, step: int, start: Sequence[int]) -> Tensor:
    """Return the result of a step for the images that have begun, and what was before it for the others.

    Args:
        after, before: (B, C, h, w).
        step: number of the step.
        start: for each image the number of its first step.
    """
    begun = torch.tensor([step >= first for first in start], device=after.device)
    return torch.where(begun[:, None, None, None], after, before)


@torch.no_grad()
def dpm_solver(
    model: DiffusionModel,
    x_T: Tensor,  # noqa: N803
    text: Text,
    null: Text,
    *,
    steps: int,
    guidance: float,
) -> Tensor:
    """Sample with DPM-Solver++ of second order (Lu et al., arXiv 2211.01095).

    Args:
        model: its process gives the levels.
        x_T: initial noise, (B, C, h, w).
        text: B texts.
        null: the empty text, one for all or B.
        steps: number of network evaluations from noise to image.
        guidance: weight of the text against the empty one; 1 uses the text alone, at half the cost.

    Returns:
        x0, (B, C, h, w) float32.
    """
    solver, levels = model.process.solver(steps)
    x = x_T.to(model.device)
    for i, t in enumerate(levels):
        out = guided(model, x, t.repeat(len(x)), text, null, guidance, step=i, steps=len(levels))
        x = solver.step(out, solver.timesteps[i], x).prev_sample
    return x


def guided(
    model: DiffusionModel,
    x: Tensor,
    t: Tensor,
    text: Text,
    null: Text,
    guidance: float | Tensor,
    *,
    step: int = 0,
    steps: int = 1,
) -> Tensor:
    """Return the prediction for texts, amplified against the empty text's; differentiable.

    A distilled model is told the guidance and predicts once (Meng et al., arXiv 2210.03142).

    Args:
        model, x, t: see :meth:`~imagic.models.base.DiffusionModel.predict`.
        text: B texts.
        null: the empty text, one for all or B.
        guidance: one for all or (B,); the number 1 uses the text alone.
        step, steps: of the sampling, for controls.
    """
    count = len(x)
    alone = not isinstance(guidance, Tensor) and guidance == ALONE
    if model.distilled and not alone:
        text, alone = text.guided(guidance), True
    if alone:
        model.announce(Moment(step, steps, {(0, "text"): slice(0, count)}))
        return model.predict(x, t, text)
    if isinstance(guidance, Tensor):
        guidance = guidance.to(x).reshape(-1, 1, 1, 1)
    both = Text.cat([null.expand(count), text])
    model.announce(Moment(step, steps, {(0, "null"): slice(0, count), (0, "text"): slice(count, 2 * count)}))
    out_null, out_text = model.predict(torch.cat([x, x]), t.repeat(2), both).chunk(2)
    return out_null + guidance * (out_text - out_null)


@torch.no_grad()
def invert(
    model: DiffusionModel,
    x0: Tensor,
    text: Text,
    null: Text | None = None,
    *,
    steps: int,
    guidance: float | Tensor = ALONE,
    depth: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[Tensor]:
    """Invert :func:`ddim`: return the trajectory from an image to the noise that would be decoded into it.

    Each step undoes one of :func:`ddim`'s between the same levels, with the prediction at the known point in place of
    the wanted one (Dhariwal & Nichol, arXiv 2105.05233, appendix F); more steps are more exact, and guidance less.

    Args:
        model: its process gives the levels.
        x0: (B, C, h, w).
        text: B texts.
        null: the empty text; required if ``guidance`` is not 1.
        steps: number of steps between image and noise; decode with the same number.
        guidance: weight of the text against the empty one.
        depth: number of steps to take; None for all.
        progress: called with the number of steps done.

    Returns:
        x at each level, depth + 1 tensors (B, C, h, w) float32: x0 first, the noisiest last.
    """
    process, levels = model.process, model.process.schedule(steps).flip(0)
    x = x0.to(model.device)
    found = [x]
    for i in range(steps if depth is None else depth):
        known, wanted = levels[i], levels[i + 1]
        t = process.inversion_level(known, wanted).repeat(len(x))
        out = guided(model, x, t, text, null or text, guidance, step=steps - 1 - i, steps=steps)
        x = process.step(x, out, known, wanted)
        found.append(x)
        if progress is not None:
            progress(i + 1)
    return found
