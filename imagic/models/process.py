"""Noise processes: how an image becomes noise, and what a network predicts of both."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler
from torch import Tensor

from tedbench.errors import UserError


class Process(ABC):
    """A Gaussian noise process x_t = α_t x0 + σ_t ε, and a network's prediction at x_t.

    Every method that works on a process works on all of them. A level t is one number for each image, (B,) or a scalar:
    a timestep (int64) of a variance-preserving process, σ (float32) of a flow. Tensors of images are (B, C, h, w).
    """

    @abstractmethod
    def schedule(self, steps: int) -> Tensor:
        """Return the levels of a sampling, from noise to image: (steps + 1,). The last one is the image's own.

        Samplers go down this list and inversions go up, so both take the same steps.

        Raises:
            UserError: the process has no such schedule.
        """

    @abstractmethod
    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """Draw levels for a denoising loss from a CPU generator: (count,), on the CPU."""

    @abstractmethod
    def squares(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return α_t² and σ_t², each (B, 1, 1, 1)."""

    @abstractmethod
    def target(self, x0: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        """Return what the network should predict at x_t."""

    @abstractmethod
    def x0_of(self, out: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """Return x0 as the network's prediction ``out`` at x_t has it."""

    @abstractmethod
    def eps_of(self, out: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """Return ε as the network's prediction ``out`` at x_t has it."""

    @abstractmethod
    def solver(self, steps: int) -> tuple[DPMSolverMultistepScheduler, Tensor]:
        """Return diffusers' DPM-Solver++ of second order, set to a number of steps, and the levels of these."""

    def scales(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return α_t and σ_t, each (B, 1, 1, 1)."""
        alpha, sigma = self.squares(t)
        return alpha.sqrt(), sigma.sqrt()

    def mix(self, x0: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        """Return x_t = α_t x0 + σ_t ε (paper, equation 1)."""
        alpha, sigma = self.scales(t)
        return alpha * x0 + sigma * eps

    def limit(self, x0: Tensor) -> Tensor:
        """Return a predicted x0 in the range that the model keeps to; latents have none."""
        return x0

    def inversion_level(self, known: Tensor, wanted: Tensor) -> Tensor:
        """Return the level at which the network is asked when an inversion goes from a known x to the wanted one."""
        return known

    def std(self, t: Tensor, s: Tensor) -> Tensor:
        """Return the standard deviation of x_s given x_t and x0 in the forward process, t above s: (B, 1, 1, 1)."""
        (alpha_t, sigma_t), (alpha_s, sigma_s) = self.squares(t), self.squares(s)
        return (sigma_s / sigma_t * (sigma_t - alpha_t / alpha_s * sigma_s)).sqrt()

    def step(
        self, x_t: Tensor, out: Tensor, t: Tensor, s: Tensor, *, ddim_eta: float = 0.0, noise: Tensor | None = None
    ) -> Tensor:
        """Return x_s from the prediction at x_t (DDIM, Song et al., arXiv 2010.02502, equation 12).

        Args:
            x_t, out: the noised images and the network's prediction there.
            t, s: their level and the wanted one, below t when sampling and above it when inverting.
            ddim_eta: DDIM's own η: 0 moves along the ordinary differential equation.
            noise: standard normal, of x_t's shape; None adds none, which is the mean of x_s.
        """
        alpha, sigma = self.squares(s)
        x0, eps = self.limit(self.x0_of(out, x_t, t)), self.eps_of(out, x_t, t)
        if not ddim_eta:
            return alpha.sqrt() * x0 + sigma.sqrt() * eps
        std = ddim_eta * self.std(t, s)
        x_s = alpha.sqrt() * x0 + (sigma - std**2).sqrt() * eps
        return x_s if noise is None else x_s + std * noise


class VariancePreserving(Process):
    """The process of Stable Diffusion and Imagen: α_t² + σ_t² = 1 on a table of ᾱ_t, and a network that predicts ε or v.

    v = α_t ε − σ_t x0 (Salimans & Ho, arXiv 2202.00512). The image's own level is −1; there ᾱ is 1 or ᾱ_0, as the
    scheduler's ``set_alpha_to_one`` says.

    Attributes:
        scheduler: diffusers' own, for what takes one.
        prediction: "epsilon" or "v_prediction".
        timesteps: how many there are.
    """

    def __init__(
        self,
        scheduler: DDIMScheduler,
        name: str,
        device: torch.device,
        option: str = "recipe.METHOD.sampling.steps",
    ) -> None:
        """
        Args:
            scheduler: its configuration has the schedule, the spacing of timesteps and the kind of prediction.
            name: of the model, for messages.
            device: of the levels.
            option: sets the number of steps, for messages.

        Raises:
            UserError: the network predicts neither ε nor v.
        """
        self._name, self._device, self._option, self.scheduler = name, device, option, scheduler
        self.config: dict[str, Any] = dict(scheduler.config)
        self.prediction: str = scheduler.config.prediction_type
        if self.prediction not in ("epsilon", "v_prediction"):
            raise UserError(f"{name} predicts {self.prediction!r}. Only epsilon and v_prediction models can be used.")
        self.timesteps = len(scheduler.alphas_cumprod)
        self._alpha_bar = torch.cat([scheduler.alphas_cumprod, scheduler.final_alpha_cumprod.reshape(1)]).to(device)

    def schedule(self, steps: int) -> Tensor:
        """Return timesteps and −1, see :meth:`Process.schedule`.

        A step goes to the next timestep of the list. (diffusers goes down by the number of timesteps divided by ``steps``,
        rounded, which is the same unless the spacing is "linspace", or "trailing" and ``steps`` is no divisor.)
        """
        if steps > self.timesteps:
            raise UserError(f"{self._name} has {self.timesteps} timesteps. Give {self._option} no more than that.")
        config = self.scheduler.config
        first = (steps - 1) * (self.timesteps // steps) + config.steps_offset
        if config.timestep_spacing == "leading" and first >= self.timesteps:
            raise UserError(
                f"{self._name} cannot take {steps} steps on its {self.timesteps} timesteps. "
                f"Give a smaller {self._option}."
            )
        scheduler = type(self.scheduler).from_config(config)
        scheduler.set_timesteps(steps)
        return torch.cat([scheduler.timesteps, torch.tensor([-1])]).to(self._device)

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """Draw timesteps uniformly."""
        return torch.randint(self.timesteps, (count,), generator=rng)

    def squares(self, t: Tensor) -> tuple[Tensor, Tensor]:
        alpha_bar = self._alpha_bar[t].reshape(-1, 1, 1, 1)
        return alpha_bar, 1 - alpha_bar

    def std(self, t: Tensor, s: Tensor) -> Tensor:
        (alpha_t, sigma_t), (alpha_s, sigma_s) = self.squares(t), self.squares(s)
        return (sigma_s / sigma_t * (1 - alpha_t / alpha_s)).sqrt()

    def target(self, x0: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        if self.prediction == "epsilon":
            return eps
        alpha, sigma = self.scales(t)
        return alpha * eps - sigma * x0

    def x0_of(self, out: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        alpha, sigma = self.scales(t)
        return (x_t - sigma * out) / alpha if self.prediction == "epsilon" else alpha * x_t - sigma * out

    def eps_of(self, out: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        if self.prediction == "epsilon":
            return out
        alpha, sigma = self.scales(t)
        return alpha * out + sigma * x_t

    def limit(self, x0: Tensor) -> Tensor:
        """Clip or threshold x0 as the scheduler's configuration says (Saharia et al., arXiv 2205.11487, section 2.3)."""
        if self.config["thresholding"]:
            most = float(self.config["sample_max_value"])
            largest = x0.abs().flatten(1).float().quantile(self.config["dynamic_thresholding_ratio"], dim=1)
            s = largest.clamp(1, most).reshape(-1, 1, 1, 1)
            return x0.clamp(-s, s) / s
        if self.config["clip_sample"]:
            most = float(self.config["clip_sample_range"])
            return x0.clamp(-most, most)
        return x0

    def inversion_level(self, known: Tensor, wanted: Tensor) -> Tensor:
        """Return the wanted timestep, as diffusers does: the image's own level is none that the network knows."""
        return wanted

    def solver(self, steps: int) -> tuple[DPMSolverMultistepScheduler, Tensor]:
        self.schedule(steps)  # raises for too many
        found = DPMSolverMultistepScheduler.from_config(
            self.scheduler.config, algorithm_type="dpmsolver++", solver_order=2, final_sigmas_type="zero"
        )
        found.set_timesteps(steps, device=self._device)
        return found, found.timesteps
