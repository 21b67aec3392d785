"""Null-text inversion (Mokady et al., arXiv 2211.09794): an empty text for each step that keeps guidance on the inversion."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from imagic.models.base import DiffusionModel
from imagic.models.text import Text


def null_texts(
    model: DiffusionModel,
    path: Sequence[Tensor],
    text: Text,
    null: Text,
    *,
    guidance: float,
    iterations: int,
    lr: float,
    threshold: float,
    progress: Callable[[int], None] | None = None,
) -> list[Text]:
    """Optimise the empty text at each step so that guided sampling stays on an inversion's trajectory.

    From the noise on, each step begins with the last step's result: its ∅ is optimised with Adam on
    ‖step(x̄_t; ∅) − x*_s‖², and x̄_s is the step with the one found. The code's schedule: the rate falls linearly to half
    over the steps (to 1 − i / 100 of it at step i of 50), and a step ends when the loss is below a threshold
    that grows from step to step.

    Args:
        model: its weights stay as they are.
        path: the inversion of one image at guidance 1, (1, C, h, w) each, the noise first.
        text: the text of the inversion.
        null: the empty text.
        guidance: of the sampling.
        iterations: most updates at each step; 0 leaves the empty text as it is.
        lr: Adam's rate at the first step.
        threshold: the loss at which the first step ends, for latents of variance 1; it is multiplied by the variance of
            the image's latents. It grows by twice itself at each step, as in the code.
        progress: called with the number of steps done.

    Returns:
        The empty text of each step, the noise first.
    """
    process, steps = model.process, len(path) - 1
    levels, x, found = process.schedule(steps), path[0], []
    now, least = null.clone(), threshold * float(path[-1].var())
    for i in range(steps):
        t, s, wanted = levels[i], levels[i + 1], path[i + 1]
        parameters = [p.clone().requires_grad_(True) for p in now.parameters()]
        now = now.with_parameters(parameters)
        adam = torch.optim.Adam(parameters, lr=lr * (1 - i / (2 * steps)))
        with torch.no_grad():
            out_text = model.predict(x, t[None], text)
        for _ in range(iterations):
            with torch.enable_grad():
                out_null = model.predict(x, t[None], now)
                stepped = process.step(x, out_null + guidance * (out_text - out_null), t, s)
                loss = F.mse_loss(stepped, wanted)
                grads = torch.autograd.grad(loss, parameters, allow_unused=True)
            for parameter, grad in zip(parameters, grads, strict=True):
                parameter.grad = grad
            adam.step()
            if loss.item() < least * (1 + 2 * i):
                break
        now = now.clone()
        found.append(now)
        with torch.no_grad():
            out_null = model.predict(x, t[None], now)
            x = process.step(x, out_null + guidance * (out_text - out_null), t, s)
        if progress is not None:
            progress(i + 1)
    return found
