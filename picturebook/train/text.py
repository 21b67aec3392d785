"""The cascade's text encoder: like T5's, distilled from the text-to-image model's own encoder."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import CLIPTextModel, T5Config, T5EncoderModel

from picturebook.train.fresh import FreshScenes
from picturebook.train.loop import train
from picturebook.train.mixed import bfloat16
from picturebook.train.tokenizer import save_tokenizer
from picturebook.world import Scene

POOL = 8_192
"""Number of scenes in memory at a time."""
FRESH = 16
"""Number of new scenes for each batch."""
WIDTH = 128
FOLDER = "cascade/base/text_encoder"
"""Folder of the encoder, which is frozen in the base model and the upscaler, as in Imagen."""


def new_text_encoder(vocab_size: int) -> T5EncoderModel:
    """Return an untrained encoder, as wide as the one that it learns from.

    It has no dropout, T5's default: with it the states kept an error of two fifths of their variance, without it a twentieth.
    """
    return T5EncoderModel(
        T5Config(
            vocab_size=vocab_size,
            d_model=WIDTH,
            d_kv=32,
            d_ff=512,
            num_layers=3,
            num_heads=4,
            dropout_rate=0.0,
            is_encoder_decoder=False,
            pad_token_id=1,
            eos_token_id=1,
        )
    )


def attention_mask(text: torch.Tensor) -> torch.Tensor:
    """Return 1 for each token up to the first end token, like the tokenizer's own mask."""
    ended = (text == 1).cumsum(dim=1)
    return (ended - (text == 1).long() == 0).long()


def main(
    out: Path, steps: int = 2000, batch: int = 32, lr: float = 3e-3, seed: int = 0, start: Path | None = None
) -> None:
    """Train the encoder on captions and write ``out/cascade/base/text_encoder``.

    It learns from the text encoder of ``out/diffusion``, or else of ``start``, whose encoder is trained further.
    """
    torch.manual_seed(seed)
    source = start if start and not (out / "diffusion").is_dir() else out
    teacher = CLIPTextModel.from_pretrained(source / "diffusion" / "text_encoder", dtype=torch.float32).eval()
    tokenizer = save_tokenizer(out / "tokenizer")
    scenes = FreshScenes(tokenizer, _no_pictures, size=POOL, per_batch=FRESH, seed=seed)
    model = new_text_encoder(len(tokenizer))
    if start:
        model.load_state_dict(T5EncoderModel.from_pretrained(start / FOLDER).state_dict())

    def loss_at(rng: torch.Generator) -> torch.Tensor:
        text = scenes.batch(batch, rng)[1]
        with torch.no_grad():
            wanted = teacher(text).last_hidden_state
        with bfloat16():
            found = model(text, attention_mask=attention_mask(text)).last_hidden_state
        return nn.functional.mse_loss(found.float(), wanted) / wanted.var()

    def save(average: nn.Module, step: int) -> None:
        kept: Any = copy.deepcopy(average).eval().half()
        kept.save_pretrained(out / FOLDER)

    train(model, loss_at, steps=steps, lr=lr, seed=seed, save=save, log=out / "text.jsonl")


def _no_pictures(scenes: list[Scene]) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros(len(scenes), 1), torch.zeros(len(scenes), 1)
