"""InstructPix2Pix (Brooks et al., arXiv 2211.09800): Stable Diffusion whose UNet reads the input beside the noisy latents."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from imagic.models.folder import latent_channels, require_channels
from imagic.models.latent import LatentDiffusion
from imagic.models.text import Text

INSTEAD = "Give model.path an InstructPix2Pix folder, such as that of model=instruct_pix2pix."


class InstructPix2PixModel(LatentDiffusion):
    """A diffusers InstructPix2Pix folder. Without an image, its network reads zeros in the image's place."""

    @staticmethod
    def _takes(kind: str) -> bool:
        return kind == "StableDiffusionInstructPix2PixPipeline"

    @classmethod
    def _check(cls, folder: Path) -> None:
        latents = latent_channels(folder)
        require_channels(folder, latents, "its autoencoder", more=latents, gives=[latents], instead=INSTEAD)

    def with_image(self, text: Text, x0: Tensor) -> Text:
        """Return texts whose predictions read an image.

        Args:
            text: B texts.
            x0: latents of the image as :meth:`encode_image` gives them, (1, C, h, w) or (B, C, h, w). The network reads them
                without the autoencoder's scale, as it was trained.
        """
        return replace(text, image=(x0 / self.vae.config.scaling_factor).expand(len(text), *x0.shape[1:]))

    def _input(self, x_t: Tensor, text: Text) -> Tensor:
        image = torch.zeros_like(x_t) if text.image is None else text.image
        return torch.cat([x_t, image], 1)
