"""Models in the shapes of published ones with random weights: speed and memory do not depend on the values of weights."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKL, SD3Transformer2DModel, UNet2DConditionModel
from torch.nn import functional as F

from imagic.models.latent import LatentDiffusion
from imagic.models.latent_model import LatentModel
from imagic.models.sd3 import StableDiffusion3
from imagic.models.text import Text


def random_sd15(device: str, dtype: str) -> LatentModel:
    """Return Stable Diffusion 1.5's UNet, 0.86 billion weights, at 512², with the embedded model's text encoder.

    Texts are padded to 77 tokens and from the embedded width to 768.
    """
    small = LatentDiffusion.load("picturebook:diffusion")
    torch.manual_seed(0)
    with torch.device(device):
        unet, vae = UNet2DConditionModel(sample_size=64, cross_attention_dim=768), _autoencoder(4)

    class Padded(LatentDiffusion):
        def encode_text(self, texts: Any) -> Text:
            return _padded(super().encode_text(texts), tokens=77, width=768)

    parts = (small.text_encoder, small.tokenizer, vae, unet, small.process.scheduler)
    return Padded(*parts, name="random Stable Diffusion 1.5", device=device, dtype=dtype)


def random_sd3(device: str, dtype: str, image_size: int = 512) -> LatentModel:
    """Return Stable Diffusion 3 medium's transformer, 2.03 billion weights, with the embedded flow model's text encoders.

    Texts are padded to the 77 tokens of CLIP and 256 of T5.
    """
    small = StableDiffusion3.load("picturebook:flow", t5=False, t5_tokens=0)
    torch.manual_seed(0)
    with torch.device(device):
        transformer = SD3Transformer2DModel(
            sample_size=128,
            num_layers=24,
            num_attention_heads=24,
            caption_projection_dim=1536,
            pos_embed_max_size=192,
        )
        vae = _autoencoder(16)

    class Padded(StableDiffusion3):
        def encode_text(self, texts: Any) -> Text:
            return _padded(super().encode_text(texts), tokens=77 + 256, width=4096, pooled=2048)

    encoders = (small.text_encoder, small.tokenizer, small.text_encoder_2, small.tokenizer_2, None, None)
    name = "random Stable Diffusion 3 medium"
    settings = {"t5_tokens": 0, "image_size": image_size, "name": name, "device": device, "dtype": dtype}
    return Padded(*encoders, vae, transformer, small.process.scheduler, **settings)


def _autoencoder(channels: int) -> AutoencoderKL:
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        latent_channels=channels,
    )


def _padded(text: Text, *, tokens: int, width: int, pooled: int = 0) -> Text:
    more = (0, width - text.tokens.shape[2], 0, tokens - text.tokens.shape[1])
    whole = F.pad(text.pooled, (0, pooled - text.pooled.shape[1])) if text.pooled is not None else None
    return Text(F.pad(text.tokens, more), whole)
