"""The text-to-image model: a UNet on the autoencoder's latents and its text encoder, trained together."""

from __future__ import annotations

import copy
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

from picturebook.train.autoencoder import load_autoencoder
from picturebook.train.data import pictures_of, to_model_space
from picturebook.train.denoising import weighted_denoising_loss
from picturebook.train.fresh import FreshScenes
from picturebook.train.grow import grow
from picturebook.train.loop import train
from picturebook.train.mixed import bfloat16, keep_group_norms
from picturebook.train.tokenizer import MAX_TOKENS, save_tokenizer
from picturebook.world import Scene

POOL = 4_096
"""Number of scenes in memory at a time."""
FRESH = 8
"""Number of new scenes for each batch."""
EMA = 0.9995
LAYERS = (2, 2, 1)
"""Layers of each level, from 16² to 4²: most details of 64² are one or two latent pixels wide."""


def new_scheduler() -> DDIMScheduler:
    """Return Stable Diffusion's schedule with a larger last β.

    Latents of 16² show their mean through more noise than those of 64².
    """
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.02,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        timestep_spacing="trailing",
        prediction_type="epsilon",
    )


class TextEncoderAndUNet(nn.Module):
    """The two parts that are trained together."""

    def __init__(self, vocab_size: int, channels: int) -> None:
        super().__init__()
        self.text_encoder = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=vocab_size,
                hidden_size=128,
                intermediate_size=512,
                num_hidden_layers=3,
                num_attention_heads=4,
                max_position_embeddings=MAX_TOKENS,
                projection_dim=128,
                bos_token_id=0,
                eos_token_id=1,
                pad_token_id=1,
            )
        )
        self.unet = UNet2DConditionModel(
            sample_size=16,
            in_channels=channels,
            out_channels=channels,
            block_out_channels=(48, 96, 144),
            layers_per_block=LAYERS,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=128,
            attention_head_dim=4,
            norm_num_groups=16,
        )


@torch.no_grad()
def encode(vae: AutoencoderKL, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return scaled mean and standard deviation of each image's latents, (N, C, 16, 16) float32."""
    parts = [vae.encode(to_model_space(chunk)).latent_dist for chunk in pictures.split(128)]
    scale = vae.config.scaling_factor
    return torch.cat([p.mean for p in parts]) * scale, torch.cat([p.std for p in parts]) * scale


def main(
    out: Path, steps: int = 5000, batch: int = 48, lr: float = 1e-3, seed: int = 0, start: Path | None = None
) -> None:
    """Train the model and write ``out/diffusion``, a Stable Diffusion pipeline folder.

    The autoencoder is that of ``out``, or else of ``start``, whose text encoder and UNet are trained further. An
    interrupted training is resumed from ``out/diffusion.state``.
    """
    torch.manual_seed(seed)
    there = any((out / name).is_dir() for name in ("vae", "diffusion/vae"))
    vae = load_autoencoder(out if there or not start else start).eval()
    tokenizer = save_tokenizer(out / "tokenizer")
    scheduler = new_scheduler()
    model = TextEncoderAndUNet(len(tokenizer), vae.config.latent_channels)
    if start:
        model.text_encoder = CLIPTextModel.from_pretrained(start / "diffusion" / "text_encoder", dtype=torch.float32)
        grow(UNet2DConditionModel.from_pretrained(start / "diffusion" / "unet", torch_dtype=torch.float32), model.unet)
    model = model.to(memory_format=torch.channels_last)
    keep_group_norms(model.unet)
    print(
        f"UNet {sum(p.numel() for p in model.unet.parameters()) / 1e6:.2f} M, text encoder {sum(p.numel() for p in model.text_encoder.parameters()) / 1e6:.2f} M",
        flush=True,
    )

    state = out / "diffusion.state"
    encoded, done = partial(encode_scenes, vae), steps_in(state)
    scenes = FreshScenes(tokenizer, encoded, size=POOL, per_batch=FRESH, seed=seed, done=done)

    def loss_at(rng: torch.Generator) -> torch.Tensor:
        x0, tokens = scenes.batch(batch, rng)
        states = model.text_encoder(tokens).last_hidden_state

        def predict(x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            with bfloat16():
                return model.unet(x_t, t, states).sample

        return weighted_denoising_loss(scheduler, predict, x0, rng)

    def save(average: nn.Module, step: int) -> None:
        save_pipeline(StableDiffusionPipeline, out / "diffusion", average, vae, tokenizer, scheduler, out / "tokenizer")

    train(model, loss_at, steps=steps, lr=lr, seed=seed, save=save, ema=EMA, log=out / "diffusion.jsonl", state=state)


def save_pipeline(
    kind: Any, folder: Path, model: nn.Module, vae: AutoencoderKL, tokenizer: Any, scheduler: DDIMScheduler, words: Path
) -> None:
    """Write a pipeline folder in half precision.

    Args:
        kind: the pipeline's class.
        folder: to write to.
        model: has the text encoder and the UNet.
        vae, tokenizer, scheduler: the other parts.
        words: folder with vocab.json and merges.txt, which the published folders have beside tokenizer.json.
    """
    kept: Any = copy.deepcopy(model).eval().half()
    pipeline = kind(
        vae=copy.deepcopy(vae).half(),
        text_encoder=kept.text_encoder,
        tokenizer=tokenizer,
        unet=kept.unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder)
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(words / name, folder / "tokenizer" / name)


def encode_scenes(vae: AutoencoderKL, scenes: list[Scene]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return :func:`encode` of scenes' pictures."""
    return encode(vae, pictures_of(scenes))


def steps_in(state: Path) -> int:
    """Return the number of steps in the state of an interrupted training; 0 if there is none."""
    return int(torch.load(state, weights_only=True, mmap=True)["step"]) if state.exists() else 0
