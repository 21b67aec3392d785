"""The super-resolution stage of a cascade: a diffusion model of large images conditioned on a small one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from diffusers import DDIMScheduler, DDPMScheduler, UNet2DConditionModel
from torch import Tensor
from torch.nn import functional as F

from imagic.models.base import DiffusionModel, to_model_space
from imagic.models.process import VariancePreserving
from imagic.models.sampling import ddim
from imagic.models.text import Text


class Upscaler:
    """DeepFloyd-IF's second stage, built like Imagen's (Saharia et al., arXiv 2205.11487, section 2.3).

    The network takes the noised large image and the small one, upsampled and then noised a little itself (noise
    conditioning augmentation), and the level of that noise.

    Attributes:
        network: the network that Imagic fine-tunes beside the base model.
        size: side of its images in pixels.
    """

    def __init__(
        self,
        unet: UNet2DConditionModel,
        scheduler: DDIMScheduler,
        noising: DDPMScheduler,
        *,
        small: int,
        steps: int,
        guidance: float,
        noise_level: int,
        name: str,
        device: str,
        dtype: str,
    ) -> None:
        """
        Args:
            unet, scheduler: of the large image.
            noising: the schedule of the small image's own noise.
            small: side of the small images.
            steps, guidance: of sampling.
            noise_level: timestep of ``noising`` to which the small image is noised, in training and sampling.
            name: the model's name in messages.
            device, dtype: see :class:`~imagic.models.base.DiffusionModel`.
        """
        self.network, self.size, self._small = unet, unet.config.sample_size, small
        self._steps, self._guidance, self._level, self._noising = steps, guidance, noise_level, noising
        self._scheduler, self._name, self._dtype, self.device = scheduler, name, dtype, torch.device(device)
        self._seeing(torch.empty).process.schedule(steps)  # raises for a wrong setting now

    def example(self, image: np.ndarray, rng: torch.Generator) -> tuple[DiffusionModel, Tensor]:
        """Return the model and the x0 for fine-tuning on an image; the small image it sees is noised anew on each call.

        Args:
            image: (H, W, 3) uint8 of any size.
            rng: CPU generator of the small image's noise.

        Returns:
            The model, and x0, (1, 3, size, size) float32.
        """
        whole = to_model_space(image).to(self.device)
        x0, small = (resize(whole, side) for side in (self.size, self._small))
        up = self._upsampled(small)

        def see(count: int) -> Tensor:
            return self._noised(up, torch.randn((count, *up.shape[1:]), generator=rng))

        return self._seeing(see), x0

    def __call__(self, small: Tensor, text: Text, null: Text, rngs: Sequence[torch.Generator]) -> Tensor:
        """Enlarge images: (B, 3, h, w) in [-1, 1] to (B, 3, size, size).

        Args:
            small: the images of the stage before.
            text, null: B target texts and the empty one.
            rngs: a CPU generator for each image; first x_T is drawn, then the small image's noise.
        """
        shape = (3, self.size, self.size)
        x_T, noise = (torch.stack([torch.randn(shape, generator=rng) for rng in rngs]) for _ in "ab")  # noqa: N806
        seen = self._noised(self._upsampled(small), noise)
        model = self._seeing(lambda count: seen.repeat(count // len(seen), 1, 1, 1))  # guidance doubles the batch
        return ddim(model, x_T, text, null, steps=self._steps, guidance=self._guidance).clamp(-1, 1)

    def _seeing(self, see: Callable[[int], Tensor]) -> ConditionedUpscaler:
        computing = {"name": self._name, "device": str(self.device), "dtype": self._dtype}
        return ConditionedUpscaler(self.network, self._scheduler, see, self._level, **computing)

    def _upsampled(self, small: Tensor) -> Tensor:
        return F.interpolate(small, size=(self.size, self.size), mode="bilinear", align_corners=True)

    def _noised(self, up: Tensor, noise: Tensor) -> Tensor:
        level = torch.full((len(noise),), self._level, device=self.device)
        return self._noising.add_noise(up.expand_as(noise), noise.to(self.device), level)


class ConditionedUpscaler(DiffusionModel):
    """An upscaler conditioned on one small image, or on one for each of a batch."""

    def __init__(
        self,
        unet: UNet2DConditionModel,
        scheduler: DDIMScheduler,
        see: Callable[[int], Tensor],
        noise_level: int,
        *,
        name: str,
        device: str,
        dtype: str,
    ) -> None:
        """
        Args:
            unet, scheduler, name, device, dtype: see :class:`~imagic.models.base.DiffusionModel`.
            see: returns the (B, 3, H, W) that conditions a batch of B.
            noise_level: timestep to which those are noised.
        """
        process = VariancePreserving(scheduler, name, torch.device(device), "model.upscaling.steps")
        super().__init__(unet, process, name=name, device=device, dtype=dtype)
        self._see, self._level = see, noise_level

    def predict(self, x_t: Tensor, t: Tensor, text: Text) -> Tensor:
        with self._compute():
            x = torch.cat([x_t, self._see(len(x_t)).to(x_t)], dim=1).contiguous(memory_format=torch.channels_last)
            level = torch.full((len(x_t),), self._level, device=self.device)
            out = self.network(x, t, encoder_hidden_states=text.tokens, class_labels=level).sample
            return out[:, : x_t.shape[1]].to(x_t.dtype)  # the rest is the learned variance


def resize(x: Tensor, side: int) -> Tensor:
    """Resize (B, 3, H, W) in [-1, 1] to that side, bicubic with antialiasing."""
    if x.shape[-1] == side:
        return x
    return F.interpolate(x, size=(side, side), mode="bicubic", antialias=True).clamp(-1, 1)
