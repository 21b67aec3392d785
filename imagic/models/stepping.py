"""The step from one level to the next, by a solver of the reverse process."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from imagic.models.process import Process

Solver = Literal["ddim", "sde_dpm_solver"]
"""DDIM (Song et al., arXiv 2010.02502), or the stochastic DPM-Solver++ of second order (Lu et al., arXiv 2211.01095), which
LEDITS++ samples with (Brack et al., arXiv 2311.16711, section 3.1)."""


class Stepper:
    """Steps of one sampling: their means, without noise. A solver of second order keeps the last predicted x0."""

    def __init__(self, process: Process, levels: Tensor, solver: Solver = "ddim", ddim_eta: float = 0.0) -> None:
        """
        Args:
            process: the noise process.
            levels: of the schedule, from noise to image.
            solver: see :data:`Solver`.
            ddim_eta: DDIM's own η, if that is the solver.
        """
        self._process, self._levels, self._solver, self._eta = process, levels, solver, ddim_eta
        self._before: Tensor | None = None

    def step(self, i: int, x_t: Tensor, out: Tensor) -> Tensor:
        """Return the mean of x after step ``i``.

        Args:
            i: number of the step; the steps of a sampling are taken in order.
            x_t, out: the noised images and the network's prediction there.
        """
        t, s = self._levels[i], self._levels[i + 1]
        if self._solver == "ddim":
            return self._process.step(x_t, out, t, s, ddim_eta=self._eta)
        x0 = self._process.limit(self._process.x0_of(out, x_t, t))
        (alpha_t, sigma_t), (alpha_s, sigma_s) = self._process.scales(t), self._process.scales(s)
        shrink = alpha_t * sigma_s / (sigma_t * alpha_s)  # e^−h, h = λ_s − λ_t, λ = log(α / σ)
        seen = x0
        if self._before is not None and bool((sigma_s > 0).all()):
            h, last = -shrink.log(), self._h(i - 1)
            seen = x0 + 0.5 * h / last * (x0 - self._before)
        self._before = x0
        return sigma_s / sigma_t * shrink * x_t + alpha_s * (1 - shrink**2) * seen

    def _h(self, i: int) -> Tensor:
        (alpha_t, sigma_t), (alpha_s, sigma_s) = map(self._process.scales, (self._levels[i], self._levels[i + 1]))
        return torch.log(alpha_s * sigma_t / (sigma_s * alpha_t))
