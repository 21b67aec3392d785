"""The embedded cascade's upscaler, from 32² to 64²."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path

import torch
from diffusers import IFPipeline, IFSuperResolutionPipeline, UNet2DConditionModel
from torch import nn
from torch.nn import functional as F

from picturebook.train.cascade import (
    BASE,
    NO_FILTERS,
    UPSCALER,
    new_scheduler,
    new_upscaler,
    shrink,
)
from picturebook.train.data import pictures_of, to_model_space
from picturebook.train.denoising import weighted_denoising_loss
from picturebook.train.fresh import FreshScenes
from picturebook.train.loop import train
from picturebook.train.mixed import bfloat16, keep_group_norms
from picturebook.train.text import attention_mask
from picturebook.world import Scene

POOL = 2_048
"""Number of scenes in memory at a time."""
FRESH = 4
"""Number of new scenes for each batch."""
MOST_NOISE = 400
"""The small image is noised to a timestep below this one."""


def main(
    out: Path, steps: int = 4500, batch: int = 8, lr: float = 1e-3, seed: int = 0, start: Path | None = None
) -> None:
    """Train the upscaler on drawn images and write ``out/cascade/upscaler``, an IFSuperResolutionPipeline folder.

    The text encoder is that of the base model of ``out``, or else of ``start``, whose UNet is trained further.
    """
    torch.manual_seed(seed)
    source = start if start and not (out / BASE).is_dir() else out
    with_text = IFPipeline.from_pretrained(source / BASE, torch_dtype=torch.float32)
    scenes = FreshScenes(with_text.tokenizer, _pictures, size=POOL, per_batch=FRESH, seed=seed)
    scheduler, noising = new_scheduler("v_prediction"), new_scheduler()
    unet = new_upscaler()
    if start:
        unet.load_state_dict(UNet2DConditionModel.from_pretrained(start / UPSCALER / "unet").state_dict())
    unet = unet.to(memory_format=torch.channels_last)
    keep_group_norms(unet)
    print(f"UNet {sum(p.numel() for p in unet.parameters()) / 1e6:.2f} M", flush=True)

    def loss_at(rng: torch.Generator) -> torch.Tensor:
        x0, text = scenes.batch(batch, rng)
        with torch.no_grad():
            states = with_text.text_encoder(text, attention_mask=attention_mask(text)).last_hidden_state
        up = F.interpolate(shrink(x0), size=x0.shape[-2:], mode="bilinear", align_corners=True)
        level = torch.randint(MOST_NOISE, (len(x0),), generator=rng)
        seen = noising.add_noise(up, torch.randn(up.shape, generator=rng), level)

        def predict(x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            with bfloat16():
                return unet(torch.cat([x_t, seen], dim=1), t, states, class_labels=level).sample[:, :3]

        return weighted_denoising_loss(scheduler, predict, x0, rng)

    def save(average: nn.Module, step: int) -> None:
        kept, encoder = copy.deepcopy(average).eval().half(), copy.deepcopy(with_text.text_encoder).half()
        pipeline = IFSuperResolutionPipeline(with_text.tokenizer, encoder, kept, scheduler, noising, **NO_FILTERS)
        pipeline.save_pretrained(out / UPSCALER)
        for part in ("text_encoder", "tokenizer"):  # the same as the base model's
            shutil.rmtree(out / UPSCALER / part)

    train(unet, loss_at, steps=steps, lr=lr, seed=seed, save=save, log=out / "upscaler.jsonl")


def _pictures(scenes: list[Scene]) -> tuple[torch.Tensor, torch.Tensor]:
    x = to_model_space(pictures_of(scenes))
    return x, torch.zeros_like(x)
