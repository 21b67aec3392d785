"""Solvers of a flow's ordinary differential equation dx/dσ = v, in both directions."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from imagic.models.base import DiffusionModel
from imagic.models.choices import FlowSolver
from imagic.models.sampling import guided
from imagic.models.text import Text


@torch.no_grad()
def integrate(
    velocity: Callable[[int, Tensor, Tensor], Tensor],
    x: Tensor,
    levels: Tensor,
    solver: FlowSolver = "euler",
) -> list[Tensor]:
    """Return x at each level, beginning with the given one at the first level.

    Args:
        velocity: returns v for the number of a step, x and its level, a scalar.
        x: (B, C, h, w).
        levels: (steps + 1,): down from noise to image, or up for an inversion.
        solver: Euler takes one evaluation a step, and its error is of first order; the midpoint method takes two, and is of
            second order; FireFlow is of second order with one evaluation a step, and one more for the first.
    """
    path, last = [x], None
    for i, (t, s) in enumerate(pairwise(levels)):
        if solver == "euler":
            path.append(path[-1] + (s - t) * velocity(i, path[-1], t))
            continue
        now = last if last is not None and solver == "fireflow" else velocity(i, path[-1], t)
        half = (s - t) / 2
        last = velocity(i, path[-1] + half * now, t + half)
        path.append(path[-1] + (s - t) * last)
    return path


@torch.no_grad()
def solve(
    model: DiffusionModel,
    x: Tensor,
    text: Text,
    null: Text,
    *,
    steps: int,
    guidance: float | Tensor,
    solver: FlowSolver,
    up: bool = False,
    progress: Callable[[int], None] | None = None,
) -> list[Tensor]:
    """Return x at each level of a sampling of a flow model, or of an inversion.

    Args:
        model: a flow model.
        x: noise, or for an inversion the image, (B, C, h, w).
        text: B texts.
        null: the empty text, one for all or B.
        steps: number of levels between noise and image.
        guidance: weight of the text against the empty one; the number 1 uses the text alone.
        solver: see :func:`integrate`.
        up: from the image to the noise.
        progress: called with the number of steps done.
    """
    levels = model.process.schedule(steps)

    def velocity(step: int, x: Tensor, t: Tensor) -> Tensor:
        number = steps - 1 - step if up else step
        out = guided(model, x, t.repeat(len(x)), text, null, guidance, step=number, steps=steps)
        if progress is not None:
            progress(step + 1)
        return out

    return integrate(velocity, x.to(model.device), levels.flip(0) if up else levels, solver)


def sample_flow(model: DiffusionModel, x: Tensor, text: Text, null: Text, **settings: Any) -> Tensor:
    """Return the images of a sampling, see :func:`solve`."""
    return solve(model, x, text, null, **settings)[-1]


@torch.no_grad()
def invert_by_correction(velocity: Callable[[int, Tensor, Tensor], Tensor], x: Tensor, levels: Tensor) -> list[Tensor]:
    """Return x at each level of an inversion whose steps are corrected (Uni-Inv, Jiao et al., arXiv 2504.13109).

    Euler's method in the other direction goes from a level with the velocity at that level. So each step up takes the
    velocity at the level that it leads to, at the point that the last velocity predicts there.

    Args:
        velocity: see :func:`integrate`.
        x: at the first level, (B, C, h, w).
        levels: (steps + 1,), up from the image to the noise.
    """
    path, v = [x], velocity(0, x, levels[0])
    for i, (t, s) in enumerate(pairwise(levels)):
        v = velocity(i, path[-1] + (s - t) * v, s)
        path.append(path[-1] + (s - t) * v)
    return path
