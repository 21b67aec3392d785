"""The embedded cascade in DeepFloyd-IF's format: a text-to-image model of 32² in pixels, and an upscaler to 64²."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from diffusers import DDPMScheduler, IFPipeline, UNet2DConditionModel
from torch import nn
from torch.nn import functional as F
from transformers import T5EncoderModel

from picturebook.train.data import pictures_of, to_model_space
from picturebook.train.denoising import weighted_denoising_loss
from picturebook.train.fresh import FreshScenes
from picturebook.train.loop import train
from picturebook.train.mixed import bfloat16, keep_group_norms
from picturebook.train.text import FOLDER, WIDTH, attention_mask
from picturebook.train.tokenizer import save_tokenizer
from picturebook.world import Scene

SMALL = 32
POOL = 4_096
"""Number of scenes in memory at a time."""
FRESH = 8
"""Number of new scenes for each batch."""
EMA = 0.9995
BASE, UPSCALER = "cascade/base", "cascade/upscaler"
NO_FILTERS = {"safety_checker": None, "feature_extractor": None, "watermarker": None, "requires_safety_checker": False}


def new_scheduler(prediction: str = "epsilon") -> DDPMScheduler:
    """Return IF's schedule; images in pixels are clipped to their range."""
    return DDPMScheduler(
        beta_schedule="squaredcos_cap_v2",
        variance_type="learned_range",
        clip_sample=True,
        timestep_spacing="trailing",
        prediction_type=prediction,
    )


def new_base() -> UNet2DConditionModel:
    """Return an untrained base model."""
    return _midway(
        UNet2DConditionModel(
            sample_size=SMALL,
            in_channels=3,
            out_channels=6,
            block_out_channels=(32, 64, 96, 112),
            layers_per_block=1,
            down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
            cross_attention_dim=WIDTH,
            attention_head_dim=4,
            norm_num_groups=16,
        )
    )


def new_upscaler() -> UNet2DConditionModel:
    """Return an untrained upscaler, conditioned on the small image and on that image's noise level."""
    return _midway(
        UNet2DConditionModel(
            sample_size=64,
            in_channels=6,
            out_channels=6,
            block_out_channels=(24, 48, 64),
            layers_per_block=1,
            down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
            cross_attention_dim=WIDTH,
            attention_head_dim=4,
            norm_num_groups=8,
            class_embed_type="timestep",
        )
    )


@torch.no_grad()
def _midway(unet: UNet2DConditionModel) -> UNet2DConditionModel:
    """Fix the variance, which IF's networks return beside the noise, midway between its bounds."""
    for parameter in unet.conv_out.parameters():
        parameter[3:] = 0
    return unet


def shrink(x: torch.Tensor) -> torch.Tensor:
    """Shrink (B, 3, 64, 64) in [-1, 1] to 32², by the cascade's own resizing."""
    return F.interpolate(x, size=(SMALL, SMALL), mode="bicubic", antialias=True).clamp(-1, 1)


def main(
    out: Path, steps: int = 6000, batch: int = 32, lr: float = 1e-3, seed: int = 0, start: Path | None = None
) -> None:
    """Train the base model on a frozen text encoder and write ``out/cascade/base``, an IFPipeline folder.

    The text encoder is that of ``out``, or else of ``start``, whose UNet is trained further.

    It predicts v: near the end of this schedule, where nearly all is noise, ε depends too little on the text.
    """
    torch.manual_seed(seed)
    tokenizer = save_tokenizer(out / "tokenizer")
    source = start if start and not (out / FOLDER).is_dir() else out
    encoder = T5EncoderModel.from_pretrained(source / FOLDER, dtype=torch.float32).eval()
    scenes = FreshScenes(tokenizer, _small_pictures, size=POOL, per_batch=FRESH, seed=seed)
    scheduler = new_scheduler("v_prediction")
    unet = new_base()
    if start:
        unet.load_state_dict(UNet2DConditionModel.from_pretrained(start / BASE / "unet").state_dict())
    unet = unet.to(memory_format=torch.channels_last)
    keep_group_norms(unet)
    print(f"UNet {sum(p.numel() for p in unet.parameters()) / 1e6:.2f} M", flush=True)

    def loss_at(rng: torch.Generator) -> torch.Tensor:
        x0, text = scenes.batch(batch, rng)
        with torch.no_grad():
            states = encoder(text, attention_mask=attention_mask(text)).last_hidden_state

        def predict(x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            with bfloat16():
                return unet(x_t, t, states).sample[:, :3]

        return weighted_denoising_loss(scheduler, predict, x0, rng)

    def save(average: nn.Module, step: int) -> None:
        kept, text_encoder = copy.deepcopy(average).eval().half(), copy.deepcopy(encoder).half()
        IFPipeline(tokenizer, text_encoder, kept, scheduler, **NO_FILTERS).save_pretrained(out / BASE)

    train(unet, loss_at, steps=steps, lr=lr, seed=seed, save=save, ema=EMA, log=out / "cascade.jsonl")


def _small_pictures(scenes: list[Scene]) -> tuple[torch.Tensor, torch.Tensor]:
    small = shrink(to_model_space(pictures_of(scenes)))
    return small, torch.zeros_like(small)
