"""Imagen-like cascades in DeepFloyd-IF's format: a model of small images, and upscalers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DDPMScheduler,
    StableDiffusionUpscalePipeline,
    UNet2DConditionModel,
)
from torch import Tensor
from transformers import AutoTokenizer, CLIPTextModel, PreTrainedTokenizerBase, T5EncoderModel

from imagic.models.base import TextToImage, limit_length, to_images, to_model_space, token_spans, tokens
from imagic.models.folder import (
    LOAD_DEFAULTS,
    ddim_scheduler,
    latent_channels,
    pipeline_index,
    read_part,
    reading,
    require_channels,
)
from imagic.models.process import VariancePreserving
from imagic.models.text import Text
from imagic.models.upscaler import Upscaler, resize
from imagic.models.weights import half_weights, locate, require_weights
from tedbench.errors import UserError
from tedbench.settings import Amount, Count, Natural, checked, checked_block


class Cascade(TextToImage):
    """A T5 text encoder, a pixel-space diffusion model of small images, an upscaler, and optionally a last upscaler.

    The methods work on the small image. Upscalers are conditioned on the target text; Imagic fine-tunes the first one
    too (section 3.3), the last one stays as pretrained.
    """

    upscaler: Upscaler

    def __init__(
        self,
        text_encoder: T5EncoderModel,
        tokenizer: PreTrainedTokenizerBase,
        unet: UNet2DConditionModel,
        scheduler: DDIMScheduler,
        upscaler: Upscaler,
        last: StableDiffusionUpscalePipeline | None = None,
        *,
        last_sampling: Mapping[str, Any] | None = None,
        text_length: Count = 77,
        name: str = "custom",
        image_size: Count | None = None,
        device: str = "cpu",
        dtype: str = "float32",
    ) -> None:
        """
        Args:
            text_encoder, tokenizer, unet, scheduler: of the base model of small images.
            upscaler: enlarges the base model's images.
            last: enlarges the upscaler's images, or None.
            last_sampling: ``steps``, ``guidance`` and ``noise_level`` of ``last``.
            text_length: number of tokens of a text.
            name: the model's name in run folders.
            image_size: side of the final images, checked against the stages; pairs are cut to it.
            device, dtype: see :class:`~imagic.models.base.DiffusionModel`.

        Raises:
            UserError: ``image_size`` is not what the stages make, or a setting is wrong.
        """
        process = VariancePreserving(scheduler, name, torch.device(device))
        super().__init__(unet, process, name=name, device=device, dtype=dtype)
        self.text_encoder = text_encoder.float().to(self.device).eval().requires_grad_(False)
        self.tokenizer, self.upscaler = tokenizer, upscaler
        self._length = checked("model.text_length", text_length, Count)
        self._last: Any = last.to(self.device) if last is not None else None
        self._last_sampling = (
            checked_block("model.last_upscaling", last_sampling or {}, **UPSCALING) if last is not None else {}
        )
        if last is not None and self._last_sampling["steps"] > (most := last.scheduler.config.num_train_timesteps):
            raise UserError(f"{name} has {most} timesteps. Give model.last_upscaling.steps no more than that.")
        self.image_size = upscaler.size * (last.vae_scale_factor if last is not None else 1)
        if image_size not in (None, self.image_size):
            raise UserError(f"{name} makes pictures of {self.image_size}². Give model.image_size={self.image_size}.")

    @classmethod
    def load(
        cls,
        path: str,
        upscaler_path: str,
        last_path: str | None = None,
        *,
        revision: str | None = None,
        upscaler_revision: str | None = None,
        last_revision: str | None = None,
        upscaling: Mapping[str, Any],
        last_upscaling: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> Cascade:
        """Load an IFPipeline, an IFSuperResolutionPipeline and optionally a StableDiffusionUpscalePipeline.

        Args:
            path, revision: of the base model, see :func:`imagic.models.weights.locate`.
            upscaler_path, upscaler_revision: of the upscaler.
            last_path, last_revision: of the last upscaler, or None.
            upscaling, last_upscaling: ``steps``, ``guidance`` and ``noise_level`` of each upscaler.
            settings: ``name``, ``image_size``, ``text_length``, ``device`` and ``dtype``.

        Raises:
            UserError: no such model, an incomplete folder, a pickle, a pipeline of another kind, or a network with
                other channels.
        """
        sampling = checked_block("model.upscaling", upscaling, **UPSCALING)
        if last_path is not None:
            last_upscaling = checked_block("model.last_upscaling", last_upscaling or {}, **UPSCALING)
        folder = _pipeline("path", path, revision, "IFPipeline", ("text_encoder", "unet"))
        upper = _pipeline("upscaler_path", upscaler_path, upscaler_revision, "IFSuperResolutionPipeline", ("unet",))
        pixels: dict[str, Any] = {
            "picture": RGB,
            "of": "a picture",
            "gives": [2 * RGB, RGB],
        }  # with the learned variance
        require_channels(folder, **pixels, instead="Give model.path IF's first stage.")
        require_channels(upper, **pixels, more=RGB, instead="Give model.upscaler_path IF's second stage.")
        with reading(folder):
            parts: dict[str, Any] = {
                "text_encoder": read_part(T5EncoderModel, folder, "text_encoder"),
                "tokenizer": read_part(AutoTokenizer, folder, "tokenizer"),
                "unet": read_part(UNet2DConditionModel, folder, "unet"),
                "scheduler": _schedule(folder),
            }
        with reading(upper):
            unet = read_part(UNet2DConditionModel, upper, "unet")
            noising = read_part(DDPMScheduler, upper, "image_noising_scheduler")
            scheduler = _schedule(upper)
        computing = {"device": settings.get("device", "cpu"), "dtype": settings.get("dtype", "float32")}
        small = parts["unet"].config.sample_size
        name = f"{settings.get('name', 'custom')}'s upscaler"
        parts["upscaler"] = Upscaler(unet, scheduler, noising, small=small, **sampling, name=name, **computing)
        if last_path is not None:
            top = _pipeline(
                "last_path", last_path, last_revision, "StableDiffusionUpscalePipeline", ("text_encoder", "unet", "vae")
            )
            latents, instead = (
                latent_channels(top),
                "Give model.last_path Stable Diffusion's upscaler to four times the size.",
            )
            require_channels(top, latents, "its autoencoder", more=RGB, gives=[latents], instead=instead)
            with reading(top):
                parts["last"] = _last(top)
            parts["last"].set_progress_bar_config(disable=True)
        return cls(**parts, last_sampling=last_upscaling, **settings)

    @torch.no_grad()
    def encode_text(self, texts: Sequence[str]) -> Text:
        """Return T5's hidden states; texts are lower-cased, as this family is trained."""
        ids, mask = tokens(self.tokenizer, [text.lower().strip() for text in texts], self.name, self._length)
        states = self.text_encoder(ids.to(self.device), attention_mask=mask.to(self.device))[0]
        return Text(states, written=tuple(texts))

    def spans(self, text: str) -> list[tuple[int, int]]:
        before = len(text) - len(text.lstrip())
        found = token_spans(self.tokenizer, text.lower().strip(), self._length)
        return [(start + before, end + before) if end > start else (0, 0) for start, end in found]

    def encode_image(self, image: np.ndarray, rng: torch.Generator | None = None) -> Tensor:
        """Return the image at the base model's size."""
        return resize(to_model_space(image).to(self.device), self.network.config.sample_size)

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        side = self.network.config.sample_size
        return 3, side, side

    def predict(self, x_t: Tensor, t: Tensor, text: Text) -> Tensor:
        with self._compute():
            x_t = x_t.contiguous(memory_format=torch.channels_last)
            out = self.network(x_t, t, encoder_hidden_states=text.tokens).sample
            return self._counted(out)[:, : x_t.shape[1]].to(x_t.dtype)  # the rest is the learned variance

    @torch.no_grad()
    def decode(self, x0: Tensor, text: Text, rngs: Sequence[torch.Generator]) -> np.ndarray:
        """Enlarge x0 with the upscalers."""
        text = text.expand(len(x0))
        x = self.upscaler(x0.to(self.device).clamp(-1, 1), text, self.encode_text([""]), rngs)
        if self._last is None:
            return to_images(x)
        made = self._last(
            list(text.written),
            image=x,
            num_inference_steps=self._last_sampling["steps"],
            guidance_scale=self._last_sampling["guidance"],
            noise_level=self._last_sampling["noise_level"],
            generator=list(rngs),
            output_type="pt",
        )
        return to_images(made.images * 2 - 1)


RGB = 3
"""Channels of a picture in pixels."""

UPSCALING: dict[str, Any] = {"steps": Count, "guidance": Amount, "noise_level": Natural}
"""Settings of an upscaler and their kinds."""


def _pipeline(option: str, path: str, revision: str | None, kind: str, parts: Sequence[str]) -> Path:
    folder = locate(path, revision)
    if (found := pipeline_index(folder)["_class_name"]) != kind:
        raise UserError(f"{folder} holds a {found}. Give model.{option} a folder of {kind}.")
    require_weights(folder, *parts)
    return folder


def _last(folder: Path) -> StableDiffusionUpscalePipeline:
    """Load diffusers' own pipeline; parts that have weights in half precision only are loaded from those."""
    rounded = {
        part: read_part(kind, folder, part)
        for part, kind in (("text_encoder", CLIPTextModel), ("unet", UNet2DConditionModel), ("vae", AutoencoderKL))
        if half_weights(folder / part)[0]
    }
    pipeline = StableDiffusionUpscalePipeline.from_pretrained(folder, **rounded, **LOAD_DEFAULTS)
    limit_length(pipeline.tokenizer, pipeline.text_encoder)
    return pipeline


def _schedule(folder: Path) -> DDIMScheduler:
    """Return a DDIM scheduler that keeps pixels in range by the folder's own way: clipping or dynamic thresholding."""
    config = DDIMScheduler.load_config(folder / "scheduler", local_files_only=True)
    return ddim_scheduler(folder / "scheduler", clip_sample=bool(config.get("clip_sample", True)))
