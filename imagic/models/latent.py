"""Stable Diffusion behind the interface of the methods."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from imagic.models.base import limit_length, token_spans
from imagic.models.folder import ddim_scheduler, latent_channels, read_part, require_channels
from imagic.models.latent_model import LatentModel
from imagic.models.process import VariancePreserving
from imagic.models.text import Text
from tedbench.settings import Count

INSTEAD = "Give model.path the text-to-image model that it was made from, such as that of model=sd15 or model=sdxl."


class LatentDiffusion(LatentModel):
    """A diffusers Stable Diffusion folder: CLIP text encoder, autoencoder, UNet on latents."""

    def __init__(
        self,
        text_encoder: CLIPTextModel,
        tokenizer: CLIPTokenizer,
        vae: AutoencoderKL,
        unet: UNet2DConditionModel,
        scheduler: DDIMScheduler,
        *,
        name: str = "custom",
        image_size: Count | None = None,
        device: str = "cpu",
        dtype: str = "float32",
    ) -> None:
        super().__init__(
            vae,
            unet,
            VariancePreserving(scheduler, name, torch.device(device)),
            step=2 ** (len(unet.config.block_out_channels) - 1),
            native=unet.config.sample_size,
            name=name,
            image_size=image_size,
            device=device,
            dtype=dtype,
        )
        self.text_encoder = self.part(text_encoder)
        limit_length(tokenizer, text_encoder)
        self.tokenizer = tokenizer

    @staticmethod
    def _takes(kind: str) -> bool:
        return kind.startswith("StableDiffusion") and not any(other in kind for other in ("XL", "StableDiffusion3"))

    @classmethod
    def _check(cls, folder: Path) -> None:
        latents = latent_channels(folder)
        require_channels(folder, latents, "its autoencoder", gives=[latents], instead=INSTEAD)

    @classmethod
    def _read(cls, folder: Path, index: dict[str, Any], encoders: Sequence[str], stored: torch.dtype) -> dict[str, Any]:
        return {
            "text_encoder": read_part(CLIPTextModel, folder, "text_encoder"),
            "tokenizer": read_part(CLIPTokenizer, folder, "tokenizer"),
            **read_image_parts(folder),
        }

    @torch.no_grad()
    def encode_text(self, texts: Sequence[str]) -> Text:
        return Text(self.text_encoder(self._tokens(self.tokenizer, texts))[0], written=tuple(texts))

    def spans(self, text: str) -> list[tuple[int, int]]:
        return token_spans(self.tokenizer, text)

    def predict(self, x_t: Tensor, t: Tensor, text: Text) -> Tensor:
        with self._compute():
            seen = self._input(x_t, text).contiguous(memory_format=torch.channels_last)
            out = self.network(seen, t, encoder_hidden_states=text.tokens).sample
            return self._counted(out).to(x_t.dtype)

    def _input(self, x_t: Tensor, text: Text) -> Tensor:
        """Return what the network reads: the noisy latents, and in a subclass others beside them."""
        return x_t


def read_image_parts(folder: Path) -> dict[str, Any]:
    """Load the autoencoder, UNet and noise schedule of a pipeline folder."""
    return {
        "vae": read_part(AutoencoderKL, folder, "vae"),
        "unet": read_part(UNet2DConditionModel, folder, "unet"),
        "scheduler": ddim_scheduler(folder / "scheduler"),
    }
