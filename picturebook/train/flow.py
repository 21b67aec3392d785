"""The flow model in Stable Diffusion 3's format: a transformer on the autoencoder's latents, with frozen text encoders."""

from __future__ import annotations

import copy
import shutil
from functools import partial
from pathlib import Path

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline
from torch import nn
from torch.nn import functional as F
from transformers import CLIPTextModelWithProjection

from picturebook.train.autoencoder import load_autoencoder
from picturebook.train.diffusion import encode_scenes, steps_in
from picturebook.train.fresh import FreshScenes
from picturebook.train.loop import train
from picturebook.train.mixed import bfloat16
from picturebook.train.tokenizer import save_tokenizer

POOL = 4_096
"""Number of scenes in memory at a time."""
FRESH = 16
"""Number of new scenes for each batch."""
EMA = 0.998
MUON = 7.5
"""Muon's learning rate, for the matrices of the blocks, as a multiple of AdamW's."""
LONG = 500
"""Least number of steps for which the network is compiled, which takes a minute."""
LAYERS, HEADS, WIDTH = 4, 6, 192
FOLDER = "flow"


def new_transformer(channels: int, text_width: int) -> SD3Transformer2DModel:
    """Return an untrained network for latents of 16².

    Args:
        channels: of the latents.
        text_width: of one text encoder; the network reads two, side by side.
    """
    return SD3Transformer2DModel(
        sample_size=16,
        patch_size=2,
        in_channels=channels,
        out_channels=channels,
        num_layers=LAYERS,
        attention_head_dim=WIDTH // HEADS,
        num_attention_heads=HEADS,
        joint_attention_dim=2 * text_width,
        caption_projection_dim=WIDTH,
        pooled_projection_dim=2 * text_width,
        pos_embed_max_size=16,
        qk_norm="rms_norm",
    )


def text_encoder_with_projection(folder: Path) -> CLIPTextModelWithProjection:
    """Load a CLIP text encoder; its pooled embedding is its last token's state, unchanged."""
    found = CLIPTextModelWithProjection.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        found.text_projection.weight.copy_(torch.eye(*found.text_projection.weight.shape))
    return found.eval().requires_grad_(False)


def main(
    out: Path, steps: int = 4_500, batch: int = 96, lr: float = 2e-3, seed: int = 0, start: Path | None = None
) -> None:
    """Train the network and write ``out/flow``, a Stable Diffusion 3 folder without T5.

    Autoencoder and text encoder are those of ``out``, or else of ``start``, whose network is trained further. The loss is the
    velocity's squared error at levels of logit-normal density (Esser et al., arXiv 2403.03206, section 3.1). An
    interrupted training is resumed from ``out/flow.state``. Where there is a C++ compiler, the network of a
    long training is compiled, which takes a third off the time of a step.
    """
    torch.manual_seed(seed)
    source = out if (out / "diffusion").is_dir() or not start else start
    vae = load_autoencoder(source).eval()
    tokenizer = save_tokenizer(out / "tokenizer")
    encoder = text_encoder_with_projection(source / "diffusion" / "text_encoder")
    scheduler = FlowMatchEulerDiscreteScheduler(shift=1.0)
    network = new_transformer(vae.config.latent_channels, encoder.config.hidden_size)
    if start and (start / FOLDER).is_dir():
        network.load_state_dict(SD3Transformer2DModel.from_pretrained(start / FOLDER / "transformer").state_dict())
    print(f"transformer {sum(p.numel() for p in network.parameters()) / 1e6:.2f} M", flush=True)

    state = out / "flow.state"
    done = steps_in(state)
    encoded = partial(encode_scenes, vae)
    scenes = FreshScenes(tokenizer, encoded, size=POOL, per_batch=FRESH, seed=seed, done=done)
    predict = torch.compile(network) if steps - done >= LONG and shutil.which("g++") else network

    def loss_at(rng: torch.Generator) -> torch.Tensor:
        x0, tokens = scenes.batch(batch, rng)
        eps = torch.randn(x0.shape, generator=rng)
        sigma = torch.randn(len(x0), generator=rng).sigmoid()
        at = sigma[:, None, None, None]
        with torch.no_grad():
            read = encoder(tokens, output_hidden_states=True)
        states, pooled = (torch.cat([part, part], dim=-1) for part in (read.hidden_states[-2], read.text_embeds))
        with bfloat16():
            velocity = predict((1 - at) * x0 + at * eps, states, pooled, sigma * 1000, return_dict=False)[0]
        return F.mse_loss(velocity.float(), eps - x0)

    def save(average: nn.Module, step: int) -> None:
        halved, halved_vae = copy.deepcopy(encoder).half(), copy.deepcopy(vae).half()
        halved_vae.register_to_config(shift_factor=0.0, _name_or_path="")  # diffusers' pipeline adds the shift
        pipeline = StableDiffusion3Pipeline(
            transformer=copy.deepcopy(average).eval().half(),
            scheduler=scheduler,
            vae=halved_vae,
            text_encoder=halved,
            tokenizer=tokenizer,
            text_encoder_2=halved,
            tokenizer_2=tokenizer,
            text_encoder_3=None,
            tokenizer_3=None,
        )
        pipeline.save_pretrained(out / FOLDER)

    train(
        network,
        loss_at,
        steps=steps,
        lr=lr,
        seed=seed,
        save=save,
        ema=EMA,
        log=out / "flow.jsonl",
        state=state,
        matrices=[parameter for parameter in network.transformer_blocks.parameters() if parameter.ndim == 2],
        matrices_lr=MUON * lr,
    )
