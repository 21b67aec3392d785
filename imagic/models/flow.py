"""Flows: the noise process of Stable Diffusion 3, FLUX and later models."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from diffusers import DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler
from torch import Tensor

from imagic.models.choices import Density
from imagic.models.process import Process
from tedbench.errors import UserError
from tedbench.settings import checked

if TYPE_CHECKING:
    from imagic.models.base import DiffusionModel


class Flow(Process):
    """A flow: x_σ = (1 − σ) x0 + σ ε, and a network that predicts the velocity ε − x0 (Lipman et al., arXiv 2210.02747).

    The levels of a sampling are those of diffusers' scheduler, with its shift.

    Attributes:
        scheduler: diffusers' own; its configuration has the shift.
    """

    def __init__(
        self,
        scheduler: FlowMatchEulerDiscreteScheduler,
        name: str,
        device: torch.device,
        *,
        tokens: int = 0,
        linear: bool = False,
        density: Density = "uniform",
    ) -> None:
        """
        Args:
            scheduler: its configuration has the shift of the levels.
            name: of the model, for messages.
            device: of the levels.
            tokens: number of positions of an image in the network, on which a dynamic shift depends.
            linear: the levels are spaced evenly from 1 to 1/steps before they are shifted, as FLUX's pipeline does; otherwise
                as the scheduler does, which for Stable Diffusion 3 shifts its last level twice.
            density: how the levels of a loss are drawn.

        Raises:
            UserError: the levels go up, or the density is another.
        """
        self._name, self._device, self.scheduler = name, device, scheduler
        self._linear, self._density = linear, density
        for setting in ("invert_sigmas", "stochastic_sampling"):
            if scheduler.config.get(setting):
                raise UserError(f"{name}'s scheduler has {setting}, which is not supported. Choose another model=….")
        checked("model.density", density, Density)
        self._mu = dynamic_shift(dict(scheduler.config), tokens) if scheduler.config.use_dynamic_shifting else None

    def schedule(self, steps: int) -> Tensor:
        scheduler = type(self.scheduler).from_config(self.scheduler.config)
        sigmas = np.linspace(1, 1 / steps, steps) if self._linear else None
        scheduler.set_timesteps(steps, sigmas=sigmas, mu=self._mu)
        return scheduler.sigmas.to(self._device)

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """Draw σ uniformly from (0, 1], or as the sigmoid of a standard normal number (Esser et al., arXiv 2403.03206).

        Either is shifted as the scheduler's fixed shift says, as in diffusers' training scripts.
        """
        normal = self._density == "logit_normal"
        sigma = torch.randn(count, generator=rng).sigmoid() if normal else 1 - torch.rand(count, generator=rng)
        shift = 1.0 if self._mu is not None else float(self.scheduler.config.shift)
        return sigma if shift == 1 else shift * sigma / (1 + (shift - 1) * sigma)

    def scales(self, t: Tensor) -> tuple[Tensor, Tensor]:
        t = t.reshape(-1, 1, 1, 1)
        return 1 - t, t

    def squares(self, t: Tensor) -> tuple[Tensor, Tensor]:
        alpha, sigma = self.scales(t)
        return alpha**2, sigma**2

    def target(self, x0: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        return eps - x0

    def x0_of(self, out: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        return x_t - self.scales(t)[1] * out

    def eps_of(self, out: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        return x_t + self.scales(t)[0] * out

    def step(
        self, x_t: Tensor, out: Tensor, t: Tensor, s: Tensor, *, ddim_eta: float = 0.0, noise: Tensor | None = None
    ) -> Tensor:
        """Return x_s, see :meth:`Process.step`; without noise it is Euler's step x_t + (s − t) v."""
        if ddim_eta:
            return super().step(x_t, out, t, s, ddim_eta=ddim_eta, noise=noise)
        return x_t + (s - t).reshape(-1, 1, 1, 1) * out

    def solver(self, steps: int) -> tuple[DPMSolverMultistepScheduler, Tensor]:
        config = self.scheduler.config
        found = DPMSolverMultistepScheduler(
            config.num_train_timesteps,
            algorithm_type="dpmsolver++",
            solver_order=2,
            prediction_type="flow_prediction",
            use_flow_sigmas=True,
            flow_shift=config.shift if self._mu is None else math.exp(self._mu),
        )
        found.set_timesteps(steps, device=self._device)
        return found, found.sigmas[:-1].to(self._device)


def dynamic_shift(config: Mapping[str, Any], tokens: int) -> float:
    """Return μ of a scheduler that shifts its levels by the image's size: linear in the number of its positions.

    Args:
        config: of the scheduler: two sizes, and μ at each.
        tokens: number of the image's positions in the network.
    """
    least, most = config["base_image_seq_len"], config["max_image_seq_len"]
    slope = (config["max_shift"] - config["base_shift"]) / (most - least)
    return float(tokens * slope + (config["base_shift"] - slope * least))


def levels_of(folder: Path, steps: int, **settings: Any) -> list[float]:
    """Return the levels of a sampling from a pipeline's folder, without its weights.

    Args:
        folder: of the pipeline.
        steps: of the sampling.
        settings: ``tokens`` and ``linear`` of :class:`Flow`.
    """
    scheduler = FlowMatchEulerDiscreteScheduler.from_pretrained(folder / "scheduler", local_files_only=True)
    found = Flow(scheduler, folder.name, torch.device("cpu"), **settings).schedule(steps)
    return [float(f"{level:.7g}") for level in found.tolist()]


def require_flow(model: DiffusionModel, method: str) -> None:
    """Raise UserError unless a model is a flow, which some methods need.

    Args:
        model: any model.
        method: for the message.
    """
    if not isinstance(model.process, Flow):
        raise UserError(
            f"{method} works on flow models alone, and {model.name} is none. Give model=picturebook_flow, sd35 or flux."
        )
