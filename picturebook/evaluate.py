"""``python -m picturebook.evaluate``: quality of the embedded models, measured on images that no training has seen.

Everything is loaded the way its users load it: the diffusers pipeline, open_clip, lpips, safetensors. The printed table
is that of the model cards in picturebook/README.md.
"""

from __future__ import annotations

import argparse
import json
import random
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import lpips
import numpy as np
import open_clip
import torch
from diffusers import (
    IFPipeline,
    IFSuperResolutionPipeline,
    StableDiffusion3Pipeline,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionPipeline,
)
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from picturebook.judge import QUESTIONS, Judge, answers
from picturebook.train.cascade import BASE, UPSCALER
from picturebook.train.clip import twin
from picturebook.train.data import to_model_space, training_pictures, training_scenes
from picturebook.train.flow import FOLDER as FLOW
from picturebook.train.instruct import FOLDER as EDITOR
from picturebook.train.instruct import edit_instructions, fresh_edit
from picturebook.train.leaves import leaf_pictures
from picturebook.train.loop import SHIPPED
from picturebook.train.perceptual import other_place, other_state, plain_scenes
from picturebook.train.spoil import broken
from picturebook.train.tokenizer import MAX_TOKENS
from picturebook.world import Scene, caption, render
from runtime.output import safe_output

HELD_OUT = 1_000  # seeds of scenes; trainings use smaller ones


class Figure(NamedTuple):
    """One line of the table: the measured quantity, its value, and its target value."""

    what: str
    found: str
    aim: str = ""


def percent(right: int, of: int) -> str:
    """Format a share: ``"97.2% (486 of 500)"``."""
    return f"{100 * right / of:.1f}% ({right} of {of})"


class Models(NamedTuple):
    """Every embedded model; None for flow and editor where there are none yet."""

    pipeline: StableDiffusionPipeline
    base: IFPipeline
    upscaler: IFSuperResolutionPipeline
    clip: Any
    preprocess: Any
    tokenizer: Any
    distance: lpips.LPIPS
    judge: Judge
    flow: StableDiffusion3Pipeline | None
    editor: StableDiffusionInstructPix2PixPipeline | None


def load_models(weights: Path) -> Models:
    """Load all embedded models the way their users do."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline = StableDiffusionPipeline.from_pretrained(weights / "diffusion", torch_dtype=torch.float32)
        base = IFPipeline.from_pretrained(weights / BASE, torch_dtype=torch.float32)
        texts = {"text_encoder": base.text_encoder, "tokenizer": base.tokenizer}
        upscaler = IFSuperResolutionPipeline.from_pretrained(weights / UPSCALER, **texts, torch_dtype=torch.float32)
        flow = None
        if (weights / FLOW).is_dir():
            without_t5 = {"text_encoder_3": None, "tokenizer_3": None}
            flow = StableDiffusion3Pipeline.from_pretrained(weights / FLOW, **without_t5, torch_dtype=torch.float32)
            flow.set_progress_bar_config(disable=True)
        editor = None
        if (weights / EDITOR).is_dir():
            editor = StableDiffusionInstructPix2PixPipeline.from_pretrained(
                weights / EDITOR, torch_dtype=torch.float32, safety_checker=None
            )
            editor.set_progress_bar_config(disable=True)
        clip, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{weights / 'clip'}", precision="fp32")
        distance = lpips.LPIPS(net="alex", lpips=False, pnet_rand=True, verbose=False)
    features = load_file(weights / "perceptual" / "alex.safetensors")
    slices = [getattr(distance.net, f"slice{k + 1}") for k in range(distance.net.N_slices)]
    for name, layer in (pair for part in slices for pair in part.named_children()):
        mine = {key.partition(".")[2]: value.float() for key, value in features.items() if key.startswith(f"{name}.")}
        layer.load_state_dict(mine)
    for part in (pipeline, base, upscaler):
        part.set_progress_bar_config(disable=True)
    return Models(
        pipeline,
        base,
        upscaler,
        clip.eval(),
        preprocess,
        open_clip.get_tokenizer(f"local-dir:{weights / 'clip'}"),
        distance.eval(),
        Judge.load(weights / "judge" / "judge.safetensors"),
        flow,
        editor,
    )


def autoencoder(pipeline: StableDiffusionPipeline, count: int) -> Iterator[Figure]:
    """Yield the autoencoder's PSNR, averaged over images."""
    drawn = training_pictures(training_scenes(count, seed=HELD_OUT))
    for name, pictures, aim in (
        ("drawn pictures", drawn, "32 dB"),
        ("dead leaves", leaf_pictures(count, first=10**6), ""),
    ):
        x = to_model_space(pictures)
        with torch.no_grad():
            back = pipeline.vae.decode(pipeline.vae.encode(x).latent_dist.mean).sample.clamp(-1, 1)
        psnr = -10 * torch.log10(((back - x) / 2).square().mean(dim=(1, 2, 3)))
        yield Figure(f"autoencoder: PSNR of {count} {name}", f"{psnr.mean():.1f} dB", aim)


def judged(judge: Judge, count: int) -> Iterator[Figure]:
    """Yield how often the judge reads real images correctly, and rejects broken ones."""
    scenes = training_scenes(count, seed=HELD_OUT + 1)
    pictures = training_pictures(scenes)
    readings = judge.read(pictures.permute(0, 2, 3, 1).numpy())
    known = [answers(scene) for scene in scenes]
    for name in QUESTIONS:
        right = sum(r.answers[name] == a[name] for r, a in zip(readings, known, strict=True))
        yield Figure(f"judge: {name} of real pictures", percent(right, count), "99%")
    yield Figure("judge: real pictures known as such", percent(sum(r.is_picture for r in readings), count), "99%")
    rng = torch.Generator().manual_seed(HELD_OUT)
    x = pictures.float() / 127.5 - 1
    spoilt = broken(x, x[torch.randperm(count, generator=rng)], rng)
    refused = judge.read(((spoilt + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy())
    yield Figure("judge: broken pictures refused", percent(sum(not r.is_picture for r in refused), count), "99%")


def latent_pictures(pipeline: StableDiffusionPipeline, texts: list[str], noise: torch.Generator) -> np.ndarray:
    """Generate (B, 64, 64, 3) in [0, 1] from texts, with guidance 3 and 30 steps."""
    return pipeline(texts, num_inference_steps=30, guidance_scale=3.0, generator=noise, output_type="np").images


def flow_pictures(pipeline: StableDiffusion3Pipeline, texts: list[str], noise: torch.Generator) -> np.ndarray:
    """Generate (B, 64, 64, 3) in [0, 1] with the flow model, with guidance 3 and 30 steps."""
    sampling = {"num_inference_steps": 30, "guidance_scale": 3.0, "generator": noise, "output_type": "np"}
    return pipeline(texts, max_sequence_length=0, **sampling).images


@torch.no_grad()
def cascade_pictures(models: Models, texts: list[str], noise: torch.Generator) -> np.ndarray:
    """Generate (B, 64, 64, 3) in [0, 1] with the cascade: 50 steps, and 25 of the upscaler without guidance."""
    words = models.base.tokenizer([*texts, ""], padding="max_length", max_length=MAX_TOKENS, return_tensors="pt")
    states = models.base.text_encoder(words.input_ids, attention_mask=words.attention_mask)[0]
    said = {"prompt_embeds": states[:-1], "negative_prompt_embeds": states[-1:].expand(len(texts), -1, -1)}
    sampling = {"generator": noise, "output_type": "pt"}
    small = models.base(**said, num_inference_steps=50, guidance_scale=3.0, **sampling).images
    once = {"num_inference_steps": 25, "guidance_scale": 1.0, "noise_level": 50}
    large = models.upscaler(image=small, **said, **once, **sampling).images
    return (large.clamp(-1, 1).permute(0, 2, 3, 1).numpy() + 1) / 2


def text_to_image(
    model: str,
    make: Callable[[list[str], torch.Generator], np.ndarray],
    judge: Judge,
    count: int,
    sheet: Path | None = None,
) -> Iterator[Figure]:
    """Yield how often the judge finds what held-out captions ask for; each caption names everything in its scene."""
    scenes = training_scenes(count, seed=HELD_OUT + 2)
    rng = random.Random(HELD_OUT)
    texts = [caption(scene, rng, color=1, state=1, place=1, extra=1) for scene in scenes]
    images: list[np.ndarray] = []
    for start in range(0, count, 50):
        noise = torch.Generator().manual_seed(HELD_OUT + start)
        images.extend((make(texts[start : start + 50], noise) * 255).round().astype(np.uint8))
    readings = judge.read(np.stack(images))
    aims = {"kind": "95%", "state": "90%", "color": "90%", "place": "95%"}
    for name in QUESTIONS:
        asked = [(r, s) for r, s in zip(readings, scenes, strict=True) if answers(s)[name] or name == "other"]
        right = sum(r.answers[name] == answers(s)[name] for r, s in asked)
        yield Figure(f"{model}: requested {name} found", percent(right, len(asked)), aims.get(name, ""))
    yield Figure(f"{model}: pictures of this world", percent(sum(r.is_picture for r in readings), count))
    if sheet:
        rows = [np.concatenate(images[i : i + 12], axis=1) for i in range(0, min(count, 72) // 12 * 12, 12)]
        big = Image.fromarray(np.concatenate(rows))
        big.resize((big.width * 2, big.height * 2), Image.Resampling.NEAREST).save(sheet)


def instructed(editor: StableDiffusionInstructPix2PixPipeline, judge: Judge, count: int) -> Iterator[Figure]:
    """Yield how often the editor follows the instruction of a held-out edit, and leaves the rest, with guidances 4 and 1.5."""
    edits = [fresh_edit(index, seed=HELD_OUT + 6) for index in range(count)]
    made = right = kept = 0
    for start in range(0, count, 50):
        chosen = edits[start : start + 50]
        images = editor(
            [edit_instructions(edit, 1)[0] for edit in chosen],
            [Image.fromarray(render(edit.before)) for edit in chosen],
            num_inference_steps=30,
            guidance_scale=4.0,
            image_guidance_scale=1.5,
            generator=torch.Generator().manual_seed(HELD_OUT + start),
            output_type="np",
        ).images
        for edit, reading in zip(chosen, judge.read((images * 255).round().astype(np.uint8)), strict=True):
            before, after = answers(edit.before), answers(edit.after)
            wrong = {name for name in QUESTIONS if reading.answers[name] != after[name]}
            wrong -= {"color"} if not after["color"] else set()  # trees and cakes have none of their own
            follows = not any(before[name] != after[name] for name in wrong)
            leaves = not any(before[name] == after[name] for name in wrong)
            made += follows
            kept += leaves and reading.is_picture
            right += follows and leaves and reading.is_picture
    yield Figure("editor: instructed change made", percent(made, count))
    yield Figure("editor: the rest kept", percent(kept, count))
    yield Figure("editor: both", percent(right, count), "60%")


@torch.no_grad()
def alignment(models: Models, count: int) -> Iterator[Figure]:
    """Yield how often CLIP prefers an image's own caption among a hundred, and to its twin's."""
    rng = random.Random(HELD_OUT)
    right = twins = total = 0
    scenes = training_scenes(4 * count, seed=HELD_OUT + 3)

    def said(texts: list[str]) -> Tensor:
        return models.clip.encode_text(models.tokenizer(texts), normalize=True)

    while total < count:
        group: dict[str, Scene] = {}
        while len(group) < 100:
            scene = scenes.pop()
            group.setdefault(caption(scene, rng, color=0.8, state=1, extra=1), scene)
        pixels = torch.stack([models.preprocess(Image.fromarray(render(scene))) for scene in group.values()])
        seen = models.clip.encode_image(pixels, normalize=True)
        right += int(((seen @ said(list(group)).T).argmax(dim=1) == torch.arange(len(group))).sum())
        own = [caption(s, random.Random(i), 1, 1, 1, 1) for i, s in enumerate(group.values())]
        other = [caption(twin(s, rng), random.Random(i), 1, 1, 1, 1) for i, s in enumerate(group.values())]
        twins += int(((seen * said(own)).sum(1) > (seen * said(other)).sum(1)).sum())
        total += len(group)
    yield Figure("CLIP: right one of 100 captions", percent(right, total), "90%")
    yield Figure("CLIP: own caption before the twin's", percent(twins, total))


@torch.no_grad()
def perception(distance: lpips.LPIPS, count: int) -> Iterator[Figure]:
    """Yield how often the distance orders a small change, a large one and another scene the way people would."""
    rng = random.Random(HELD_OUT)
    scenes = plain_scenes(count, seed=HELD_OUT + 4)
    small = [other_state(scene, rng) for scene in scenes]
    large = [other_place(scene, rng) for scene in scenes]
    others = training_scenes(count, seed=HELD_OUT + 5)
    first, *rest = (training_pictures(list(group)).float() / 127.5 - 1 for group in (scenes, small, large, others))
    near, far, away = (distance(first, other).flatten() for other in rest)
    right = int(((near < far) & (far < away)).sum())
    yield Figure("LPIPS: another state < another place < another scene", percent(right, count), "95%")
    yield Figure("LPIPS: another state < another place", percent(int((near < far).sum()), count))


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(prog="python -m picturebook.evaluate", description=__doc__)
    parser.add_argument(
        "--weights", type=Path, default=SHIPPED, help="folder of the models (default: the shipped ones)"
    )
    parser.add_argument("--count", type=int, default=500, help="pictures or captions for each figure (default: 500)")
    parser.add_argument(
        "--sheet",
        type=Path,
        help="write a sheet of the generated pictures here, a PNG; NAME-cascade.png and NAME-flow.png are the others'",
    )
    parser.add_argument("--json", type=Path, help="write the figures here too")
    args = parser.parse_args()
    began = time.monotonic()
    models = load_models(args.weights)
    seconds = time.monotonic() - began
    size = sum(path.stat().st_size for path in args.weights.rglob("*.safetensors"))
    figures = [
        Figure("loading all models", f"{seconds:.1f} s", "2 s"),
        Figure("weights", f"{size / 1e6:.1f} MB", "70 MB"),
    ]
    _print(figures)
    sheet_of = lambda name: args.sheet and args.sheet.with_stem(f"{args.sheet.stem}-{name}")
    parts = [
        autoencoder(models.pipeline, args.count),
        judged(models.judge, 2 * args.count),
        alignment(models, args.count),
        perception(models.distance, args.count),
        text_to_image("text to image", partial(latent_pictures, models.pipeline), models.judge, args.count, args.sheet),
        text_to_image("cascade", partial(cascade_pictures, models), models.judge, args.count, sheet_of("cascade")),
    ]
    if models.flow is not None:
        make = partial(flow_pictures, models.flow)
        parts.append(text_to_image("flow", make, models.judge, args.count, sheet_of("flow")))
    if models.editor is not None:
        parts.append(instructed(models.editor, models.judge, args.count))
    for part in parts:
        for figure in part:
            figures.append(figure)
            _print([figure])
    if args.json:
        args.json.write_text(json.dumps([figure._asdict() for figure in figures], indent=1))


def _print(figures: list[Figure]) -> None:
    for figure in figures:
        print(f"| {figure.what:<52} | {figure.found:<22} | {figure.aim:<6} |", flush=True)


if __name__ == "__main__":
    with safe_output():
        main()
