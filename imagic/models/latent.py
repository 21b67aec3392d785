"""Stable Diffusion behind the interface of the methods."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from imagic.models.base import TextToImage, limit_length, to_images, to_model_space, token_spans, tokens
from imagic.models.folder import (
    ddim_scheduler,
    latent_channels,
    load_arguments,
    pipeline_index,
    reading,
    require_channels,
)
from imagic.models.process import VariancePreserving
from imagic.models.text import Text
from imagic.models.weights import locate, require_weights
from tedbench.errors import UserError
from tedbench.settings import Count

INSTEAD = "Give model.path the text-to-image model that it was made from, such as that of model=sd15 or model=sdxl."


class LatentDiffusion(TextToImage):
    """A diffusers Stable Diffusion folder: CLIP text encoder, autoencoder, UNet on latents.

    Everything that depends on the model (latent scale, prediction type, sizes, noise schedule) is read from its own
    configuration. Weights and latents are float32; ``dtype`` is the precision in which the UNet computes (autocast).
    """

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
        process = VariancePreserving(scheduler, name, torch.device(device))
        super().__init__(unet, process, name=name, device=device, dtype=dtype)
        self.text_encoder = text_encoder.float().to(self.device).eval().requires_grad_(False)
        self.vae = vae.float().to(self.device, memory_format=torch.channels_last).eval().requires_grad_(False)
        limit_length(tokenizer, text_encoder)
        self.tokenizer = tokenizer
        self._factor = 2 ** (len(vae.config.block_out_channels) - 1)
        self.image_size = image_size or unet.config.sample_size * self._factor
        step = self._factor * 2 ** (len(unet.config.block_out_channels) - 1)
        if self.image_size % step:
            raise UserError(
                f"{name} cannot take pictures of {self.image_size}². Give model.image_size a multiple of {step}."
            )

    @classmethod
    def load(cls, path: str, revision: str | None = None, **settings: Any) -> Self:
        """Load a pipeline folder (see :func:`imagic.models.weights.locate`); ``settings`` go to the constructor.

        Raises:
            UserError: no such model, an incomplete folder, a pickle, a pipeline of another kind, or a network that
                takes more than noised latents.
        """
        folder = locate(path, revision)
        index = pipeline_index(folder)
        if not cls._takes(kind := index["_class_name"]):
            raise UserError(f"{folder} holds a {kind}, which {cls.__name__} cannot run. Choose another model=….")
        encoders = sorted({"text_encoder"}.union(part for part in index if part.startswith("text_encoder")))
        if absent := [part for part in encoders if index.get(part) == [None, None]]:
            raise UserError(
                f"{folder} holds a {kind} without a {absent[0]}, as refiners are. Give model.path the base model's folder."
            )
        require_weights(folder, "vae", "unet", *encoders)
        latents = latent_channels(folder)
        require_channels(folder, latents, "its autoencoder", gives=[latents], instead=INSTEAD)
        with reading(folder):
            parts = cls._read(folder, index)
        return cls(**parts, **settings)

    @staticmethod
    def _takes(kind: str) -> bool:
        return kind.startswith("StableDiffusion") and not any(other in kind for other in ("XL", "StableDiffusion3"))

    @classmethod
    def _read(cls, folder: Path, index: dict[str, Any]) -> dict[str, Any]:
        """Load the constructor's parts from a pipeline folder, ``index`` being its model_index.json."""
        return {
            "text_encoder": CLIPTextModel.from_pretrained(
                folder / "text_encoder", **load_arguments(folder, "text_encoder")
            ),
            "tokenizer": CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True),
            **read_image_parts(folder),
        }

    @torch.no_grad()
    def encode_text(self, texts: Sequence[str]) -> Text:
        return Text(self.text_encoder(self._tokens(self.tokenizer, texts))[0], written=tuple(texts))

    def spans(self, text: str) -> list[tuple[int, int]]:
        return token_spans(self.tokenizer, text)

    def _tokens(self, tokenizer: CLIPTokenizer, texts: Sequence[str]) -> Tensor:
        return tokens(tokenizer, texts, self.name).input_ids.to(self.device)

    @torch.no_grad()
    def encode_image(self, image: np.ndarray, rng: torch.Generator | None = None) -> Tensor:
        x = to_model_space(image).to(self.device).contiguous(memory_format=torch.channels_last)
        posterior = self.vae.encode(x).latent_dist
        found = posterior.mean
        if rng is not None:
            found = found + posterior.std * torch.randn(found.shape, generator=rng).to(self.device)
        return (found - self._shift) * self.vae.config.scaling_factor

    @torch.no_grad()
    def decode(self, x0: Tensor, text: Text | None = None, rngs: Sequence[torch.Generator] = ()) -> np.ndarray:
        """Decode latents; the autoencoder needs neither text nor generators."""
        return to_images(self.vae.decode(x0.to(self.device) / self.vae.config.scaling_factor + self._shift).sample)

    @property
    def _shift(self) -> float:
        return self.vae.config.get("shift_factor") or 0.0

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        side = self.image_size // self._factor
        return self.network.config.in_channels, side, side

    def predict(self, x_t: Tensor, t: Tensor, text: Text) -> Tensor:
        with self._compute():
            x_t = x_t.contiguous(memory_format=torch.channels_last)
            out = self.network(x_t, t, encoder_hidden_states=text.tokens).sample
            return self._counted(out).to(x_t.dtype)


def read_image_parts(folder: Path) -> dict[str, Any]:
    """Load the autoencoder, UNet and noise schedule of a pipeline folder."""
    return {
        "vae": AutoencoderKL.from_pretrained(folder / "vae", **load_arguments(folder, "vae"), low_cpu_mem_usage=False),
        "unet": UNet2DConditionModel.from_pretrained(
            folder / "unet", **load_arguments(folder, "unet"), low_cpu_mem_usage=False
        ),
        "scheduler": ddim_scheduler(folder / "scheduler"),
    }
