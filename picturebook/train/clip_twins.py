"""A second round for the CLIP model: pictures that differ in nothing but the subject's state or colour.

Scenes drawn at random are told apart by place and kind; an edit changes neither. So here each batch holds scenes and
their twins, and every text names what sets them apart.
"""

from __future__ import annotations

import random
from pathlib import Path

import open_clip
import torch
from torch import nn
from transformers import AutoTokenizer

from picturebook.train.clip import contrastive_loss, model_config, save_clip
from picturebook.train.data import training_pictures, training_scenes
from picturebook.train.loop import train
from picturebook.train.tokenizer import MAX_TOKENS
from picturebook.world import KINDS, Scene, caption, edit

SCENES = 8_000
CAPTIONS = 4


def twin(scene: Scene, rng: random.Random) -> Scene:
    """The scene in another state, or sometimes another colour."""
    kind = KINDS[scene.kind]
    what = "color" if len(kind.colors) > 1 and rng.random() < 0.25 else "state"
    others = [value for value in getattr(kind, f"{what}s") if value != getattr(scene, what)]
    return edit(scene, **{what: rng.choice(others)})


def main(out: Path, steps: int = 500, batch: int = 64, lr: float = 3e-4, seed: int = 0) -> None:
    """Goes on from ``out/clip`` and replaces it; a batch has ``batch`` scenes and as many twins."""
    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(out / "clip")
    config = model_config(len(tokenizer))
    rng = random.Random(f"twins {seed}")
    scenes = training_scenes(SCENES)
    both = [scenes, [twin(scene, rng) for scene in scenes]]
    pictures = torch.stack([training_pictures(half) for half in both])
    texts = [caption(scene, rng, color=0.8, state=1.0) for half in both for scene in half for _ in range(CAPTIONS)]
    encoded = tokenizer(texts, padding="max_length", max_length=MAX_TOKENS, return_tensors="pt").input_ids
    tokens = encoded.reshape(2, SCENES, CAPTIONS, -1)
    model, _ = open_clip.create_model_from_pretrained(f"local-dir:{out / 'clip'}", precision="fp32")

    def loss_at(rng: torch.Generator) -> torch.Tensor:
        index = torch.randint(SCENES, (batch,), generator=rng)
        which = torch.randint(CAPTIONS, (batch,), generator=rng)
        return contrastive_loss(model, pictures[:, index].flatten(0, 1), tokens[:, index, which].flatten(0, 1))

    def save(average: nn.Module, step: int) -> None:
        save_clip(average, config, out / "clip")

    train(model, loss_at, steps=steps, lr=lr, seed=seed, save=save, ema=0.99, log=out / "clip_twins.jsonl")
