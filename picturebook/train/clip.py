"""The CLIP model that measures text–image alignment: a small open_clip model."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import open_clip
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from picturebook.train.data import training_pictures, training_scenes
from picturebook.train.loop import train
from picturebook.train.mixed import bfloat16
from picturebook.train.tokenizer import MAX_TOKENS, save_tokenizer
from picturebook.world import KINDS, PLACES, TIMES, WEATHERS, Scene, caption, edit

SCENES = 24_000
"""Number of scenes; each has a twin as well."""
CAPTIONS = 4
MEAN, STD = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)


def model_config(vocab_size: int) -> dict[str, Any]:
    """Return open_clip's description of the architecture."""
    return {
        "embed_dim": 128,
        "quick_gelu": False,
        "vision_cfg": {"image_size": 64, "layers": 4, "width": 128, "head_width": 32, "patch_size": 8},
        "text_cfg": {
            "context_length": MAX_TOKENS,
            "vocab_size": vocab_size,
            "hf_tokenizer_name": "picturebook",  # present: open_clip then reads the tokenizer beside the weights
            "pool_type": "eos",
            "eos_id": 1,
            "width": 128,
            "heads": 4,
            "layers": 3,
        },
    }


def twin(scene: Scene, rng: random.Random) -> Scene:
    """Return the scene with one property changed, like an edit's right answer."""
    kind = KINDS[scene.kind]
    known: dict[str, tuple[object, ...]] = {
        "state": tuple(kind.states),
        "color": kind.colors,
        "accessory": ("", *kind.accessories),
        "place": PLACES,
        "time": TIMES,
        "weather": WEATHERS,
        "count": kind.counts,
    }
    while True:
        name = rng.choice(("state", "state", "state", *known))
        try:
            changed = edit(scene, **{name: rng.choice(known[name])})
        except ValueError:  # not compatible with the rest of the scene
            continue
        if changed != scene:
            return changed


def main(
    out: Path, steps: int = 1800, batch: int = 128, lr: float = 1e-3, seed: int = 0, start: Path | None = None
) -> None:
    """Train the model and write ``out/clip``, an open_clip folder (``local-dir:``).

    Scenes drawn at random differ in place and kind; an edit changes neither. So half of each batch are the twins of the
    other half, and every text names the difference.
    """
    torch.manual_seed(seed)
    rng = random.Random(f"twins {seed}")
    tokenizer = save_tokenizer(out / "clip")
    config = model_config(len(tokenizer))
    scenes = training_scenes(SCENES)
    both = [scenes, [twin(scene, rng) for scene in scenes]]
    pictures = torch.stack([training_pictures(half) for half in both])
    texts = [
        caption(scene, rng, color=0.8, state=0.95, extra=0.95)
        for half in both
        for scene in half
        for _ in range(CAPTIONS)
    ]
    encoded = tokenizer(texts, padding="max_length", max_length=MAX_TOKENS, return_tensors="pt").input_ids
    tokens = encoded.reshape(2, SCENES, CAPTIONS, -1)
    model = open_clip.CLIP(**config)
    if start:
        model.load_state_dict(load_file(start / "clip" / "open_clip_model.safetensors"))
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters", flush=True)

    def loss_at(rng: torch.Generator) -> torch.Tensor:
        index = torch.randint(SCENES, (batch // 2,), generator=rng)
        which = torch.randint(CAPTIONS, (batch // 2,), generator=rng)
        return contrastive_loss(model, pictures[:, index].flatten(0, 1), tokens[:, index, which].flatten(0, 1))

    def save(average: nn.Module, step: int) -> None:
        save_clip(average, config, out / "clip")

    train(model, loss_at, steps=steps, lr=lr, seed=seed, save=save, log=out / "clip.jsonl")


def contrastive_loss(model: nn.Module, pictures: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Return CLIP's loss of (B, 3, 64, 64) uint8 images and their texts' (B, L) tokens.

    Equal texts are equally right: each one's target is spread over its copies.
    """
    with bfloat16():
        image_features, text_features, scale = model(pictures.float() / 127.5 - 1, tokens)
    logits = scale.clamp(max=100) * image_features.float() @ text_features.float().T
    same = (tokens[:, None] == tokens[None]).all(-1).float()
    target = same / same.sum(1, keepdim=True)
    return (nn.functional.cross_entropy(logits, target) + nn.functional.cross_entropy(logits.T, target)) / 2


def save_clip(model: nn.Module, config: dict[str, Any], folder: Path) -> None:
    """Write weights and configuration in open_clip's format; the tokenizer is in the folder already."""
    state = copy.deepcopy(model).half().state_dict()
    save_file({k: v.contiguous() for k, v in state.items()}, folder / "open_clip_model.safetensors")
    preprocess = {"size": [64, 64], "mode": "RGB", "mean": MEAN, "std": STD}
    preprocess |= {"interpolation": "bicubic", "resize_mode": "shortest"}
    text = json.dumps({"model_cfg": config, "preprocess_cfg": preprocess}, indent=2)
    (folder / "open_clip_config.json").write_text(text)
