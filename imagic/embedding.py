"""Stage A, text embedding optimisation: find e_opt, which matches the image in the vicinity of e_tgt (section 3.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from imagic.errors import DivergedError
from imagic.loss import denoising_losses, diverged
from imagic.models.base import DiffusionModel
from imagic.models.choices import Parts
from imagic.models.text import Text
from tedbench.method import Progress, silent


def optimise_embedding(
    model: DiffusionModel,
    x0: Tensor,
    e_tgt: Text,
    *,
    steps: int,
    lr: float,
    rng: torch.Generator,
    draws: int = 1,
    parts: Parts = "all",
    tail: int | None = None,
    progress: Progress = silent,
) -> Text:
    """Optimise the target text's embedding with θ frozen.

    Args:
        model: the pretrained model; its weights do not change.
        x0: the input's latents, (1, C, h, w).
        e_tgt: embedding of the target text: the starting point of the optimisation.
        steps, lr: of Adam, at a fixed rate.
        rng: CPU generator of timesteps and noise.
        draws: of timestep and noise, per step.
        parts: of the embedding that are optimised, for models with a pooled embedding.
        tail: number of last tokens whose vectors alone are optimised; None for everything.
        progress: called after each step.

    Returns:
        e_opt, without gradient.

    Raises:
        DivergedError: the loss is not finite.
    """
    (e_opt,) = optimise_embeddings(
        model, x0, e_tgt, steps=steps, lr=lr, rngs=[rng], draws=draws, parts=parts, tail=tail, progress=progress
    )
    if isinstance(e_opt, DivergedError):
        raise e_opt
    return e_opt


def optimise_embeddings(
    model: DiffusionModel,
    x0: Tensor,
    e_tgt: Text,
    *,
    steps: int,
    lr: float,
    rngs: Sequence[torch.Generator],
    draws: int = 1,
    parts: Parts = "all",
    tail: int | None = None,
    progress: Progress = silent,
) -> list[Text | DivergedError]:
    """Run :func:`optimise_embedding` on several pairs in one batch; each result equals the one alone, up to rounding.

    The loss is the sum of the pairs' own losses, so a pair's gradient is that of its own loss; θ is frozen and Adam
    works element by element, so pairs do not influence each other.

    Args:
        model: the pretrained model; its weights do not change.
        x0: (B, C, h, w).
        e_tgt: of B texts.
        steps, lr: of Adam, at a fixed rate.
        rngs: one CPU generator of timesteps and noise for each pair.
        draws: of timestep and noise, per step and pair.
        parts: of the embedding that are optimised, for models with a pooled embedding.
        tail: number of last tokens whose vectors alone are optimised; None for everything.
        progress: called after each step.

    Returns:
        For each pair e_opt, or the error that it would raise alone.
    """
    e = e_tgt.clone()
    parameters = e.parameters(parts) if tail is None else [e.tokens[:, -tail:].clone()]
    optimizer = torch.optim.Adam([part.requires_grad_() for part in parameters], lr=lr)
    errors: dict[int, DivergedError] = {}
    for step in range(steps):
        optimizer.zero_grad()
        now = e if tail is None else e.with_tail(*parameters)
        losses = denoising_losses(model, x0, now.repeat_each(draws), draws, rngs)
        for pair, loss in enumerate(losses.tolist()):
            if not math.isfinite(loss):
                errors.setdefault(pair, diverged(loss))
        if len(errors) == len(rngs):
            break
        losses.sum().backward()
        optimizer.step()
        progress("embedding", step + 1, steps)
    found = e if tail is None else e.with_tail(*parameters)
    return [errors.get(pair, e_opt) for pair, e_opt in enumerate(found.clone().split())]
