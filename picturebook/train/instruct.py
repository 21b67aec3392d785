"""The instruction editor in InstructPix2Pix's format: a UNet that reads the input's latents beside the noisy ones."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from diffusers import AutoencoderKL, StableDiffusionInstructPix2PixPipeline, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel, PreTrainedTokenizerBase

from picturebook.train.autoencoder import load_autoencoder
from picturebook.train.data import pictures_of, training_scene
from picturebook.train.denoising import weighted_denoising_loss
from picturebook.train.diffusion import TextEncoderAndUNet, encode, new_scheduler, save_pipeline, steps_in
from picturebook.train.fresh import EMPTY, FreshScenes, fresh_scene
from picturebook.train.loop import train
from picturebook.train.mixed import bfloat16, keep_group_norms
from picturebook.train.tokenizer import save_tokenizer
from picturebook.world import Scene
from picturebook.world.instructions import instruction, random_edit

POOL = 4_096
"""Number of edits in memory at a time."""
FRESH = 8
"""Number of new edits for each batch."""
EMA = 0.9995
FOLDER = "instruct"
WITHOUT_IMAGE = EMPTY / 2
"""Share of all edits with a text and no image; as many have an image and no text, and as many neither (Brooks et al., arXiv
2211.09800, section 3.2.1)."""


class Edit(NamedTuple):
    """A scene, and what a command makes of it."""

    before: Scene
    after: Scene


def fresh_edit(index: int, seed: int = 0) -> Edit:
    """Return the ``index``-th edit of an endless sequence, on scenes that are none of the pairs'."""
    before = fresh_scene(index, seed)
    return Edit(before, random_edit(before, random.Random(f"edit {seed} {index}")))


def edit_instructions(edit: Edit, count: int) -> list[str]:
    """Return ``count`` instructions for an edit."""
    rng = random.Random(f"instructions {edit.before.clutter}")
    return [instruction(edit.before, edit.after, rng) for _ in range(count)]


def some_instructions() -> list[str]:
    """Return 4,000 instructions, for the tokenizer's vocabulary."""
    rng = random.Random("words of instructions")
    scenes = [training_scene(index) for index in range(4000)]
    return [instruction(scene, random_edit(scene, rng), rng) for scene in scenes]


def new_editor(tokenizer: PreTrainedTokenizerBase, channels: int) -> TextEncoderAndUNet:
    """Return an untrained text encoder, and a UNet of twice the latents' channels."""
    model = TextEncoderAndUNet(len(tokenizer), channels)
    model.unet = UNet2DConditionModel.from_config({**model.unet.config, "in_channels": 2 * channels})
    return model


@torch.no_grad()
def begin(model: TextEncoderAndUNet, tokenizer: PreTrainedTokenizerBase, source: Path) -> None:
    """Initialise the editor with a text-to-image model: it ignores the input, and words keep their embeddings.

    Args:
        model: of :func:`new_editor`.
        tokenizer: its own, with further words.
        source: folder of a Stable Diffusion pipeline.
    """
    encoder = CLIPTextModel.from_pretrained(source / "text_encoder", dtype=torch.float32).state_dict()
    words = {name: number for name, number in _vocabulary(source).items() if name in tokenizer.get_vocab()}
    own = model.text_encoder.state_dict()
    for name, value in encoder.items():
        if name.endswith("token_embedding.weight"):
            there = torch.tensor([tokenizer.get_vocab()[word] for word in words])
            own[name][there] = value[torch.tensor(list(words.values()))]
        else:
            own[name].copy_(value)
    unet, mine = (
        UNet2DConditionModel.from_pretrained(source / "unet", torch_dtype=torch.float32),
        model.unet.state_dict(),
    )
    for name, value in unet.state_dict().items():
        if name == "conv_in.weight":
            mine[name].zero_()
            mine[name][:, : value.shape[1]] = value
        else:
            mine[name].copy_(value)


def _vocabulary(source: Path) -> dict[str, int]:
    from transformers import CLIPTokenizer

    found: dict[str, int] = CLIPTokenizer.from_pretrained(source / "tokenizer").get_vocab()
    return found


def encode_edits(vae: AutoencoderKL, edits: list[Edit]) -> tuple[Tensor, Tensor]:
    """Return the latents of both pictures side by side, (N, 2 C, h, w), and their standard deviation.

    The input's are not scaled and have no deviation, as in diffusers' pipeline.
    """
    mean, std = encode(vae, pictures_of([edit.after for edit in edits]))
    before = encode(vae, pictures_of([edit.before for edit in edits]))[0] / vae.config.scaling_factor
    return torch.cat([mean, before], 1), torch.cat([std, torch.zeros_like(before)], 1)


def main(
    out: Path, steps: int = 4000, batch: int = 48, lr: float = 7e-4, seed: int = 0, start: Path | None = None
) -> None:
    """Train the editor and write ``out/instruct``, an InstructPix2Pix pipeline folder.

    It begins with the text-to-image model of ``out``, or else of ``start``, whose editor is trained further if it has one. An
    interrupted training is resumed from ``out/instruct.state``.
    """
    torch.manual_seed(seed)
    source = out if (out / "diffusion").is_dir() or not start else start
    vae = load_autoencoder(source).eval()
    tokenizer = save_tokenizer(out / "instruct_tokenizer", some_instructions())
    scheduler, channels = new_scheduler(), vae.config.latent_channels
    model = new_editor(tokenizer, channels)
    if start and (start / FOLDER).is_dir():
        if _vocabulary(start / FOLDER) != tokenizer.get_vocab():
            raise SystemExit(
                f"{start / FOLDER} has another vocabulary than today's instructions. Train it without --continue."
            )
        model.text_encoder = CLIPTextModel.from_pretrained(start / FOLDER / "text_encoder", dtype=torch.float32)
        model.unet = UNet2DConditionModel.from_pretrained(start / FOLDER / "unet", torch_dtype=torch.float32)
    else:
        begin(model, tokenizer, source / "diffusion")
    model = model.to(memory_format=torch.channels_last)
    keep_group_norms(model.unet)

    state = out / "instruct.state"
    scenes = FreshScenes(
        tokenizer,
        partial(encode_edits, vae),
        size=POOL,
        per_batch=FRESH,
        seed=seed,
        done=steps_in(state),
        draw=fresh_edit,
        texts=edit_instructions,
    )
    nothing = torch.as_tensor(tokenizer([""], padding="max_length", return_tensors="pt").input_ids)

    def loss_at(rng: torch.Generator) -> Tensor:
        both, tokens = scenes.batch(batch, rng)
        x0, before = both.split(channels, 1)
        empty = (tokens == nothing).all(1)
        without = torch.rand(len(x0), generator=rng) < torch.where(
            empty, WITHOUT_IMAGE / EMPTY, WITHOUT_IMAGE / (1 - EMPTY)
        )
        before = torch.where(without[:, None, None, None], 0.0, before)
        states = model.text_encoder(tokens).last_hidden_state

        def predict(x_t: Tensor, t: Tensor) -> Tensor:
            with bfloat16():
                seen = torch.cat([x_t, before], 1).contiguous(memory_format=torch.channels_last)
                return model.unet(seen, t, states).sample

        return weighted_denoising_loss(scheduler, predict, x0, rng)

    def save(average: nn.Module, step: int) -> None:
        save_pipeline(
            StableDiffusionInstructPix2PixPipeline,
            out / FOLDER,
            average,
            vae,
            tokenizer,
            scheduler,
            out / "instruct_tokenizer",
        )

    train(model, loss_at, steps=steps, lr=lr, seed=seed, save=save, ema=EMA, log=out / "instruct.jsonl", state=state)
