"""The judge's training: the contents of real images, and the rejection of others."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from picturebook.judge import QUESTIONS, Judge, JudgeNetwork, answers, load_network
from picturebook.train.data import training_pictures, training_scenes
from picturebook.train.leaves import leaf_pictures
from picturebook.train.loop import train
from picturebook.train.mixed import bfloat16
from picturebook.train.spoil import broken, worn
from picturebook.world import Scene

SCENES = 40_000
LEAVES = 1_500
HELD_OUT = 1_000
"""Number of scenes whose answers are told in the log."""
BROKEN = 0.25
"""Number of broken images as a share of the number of real ones in a batch."""


def truth(scenes: list[Scene]) -> dict[str, Tensor]:
    """Return the right answer's index for each question and scene, (N,) each."""
    right = [answers(scene) for scene in scenes]
    return {name: torch.tensor([known.index(a[name]) for a in right]) for name, known in QUESTIONS.items()}


def main(
    out: Path, steps: int = 4000, batch: int = 64, lr: float = 2e-3, seed: int = 0, start: Path | None = None
) -> None:
    """Train the judge, anew or from the one in ``start``, and write ``out/judge/judge.safetensors``."""
    torch.manual_seed(seed)
    scenes = training_scenes(SCENES)
    pictures, leaves = training_pictures(scenes), leaf_pictures(LEAVES, first=20_000)
    right = truth(scenes)
    held_out = training_scenes(HELD_OUT, seed=2)
    held_out_pictures = training_pictures(held_out)
    network = load_network(start / "judge" / "judge.safetensors") if start else JudgeNetwork()
    network = network.to(memory_format=torch.channels_last)
    spoilt = max(1, round(BROKEN * batch))

    def pixels(source: Tensor, count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        index = torch.randint(len(source), (count,), generator=rng)
        return source[index].float() / 127.5 - 1, index

    def loss_at(rng: torch.Generator) -> Tensor:
        x, index = pixels(pictures, batch, rng)
        bad, _ = pixels(pictures, spoilt, rng)
        bad = broken(bad, x[torch.randperm(batch, generator=rng)[:spoilt]], rng)
        bad[: spoilt // 6] = pixels(leaves, spoilt // 6, rng)[0]
        x = torch.cat([worn(x, rng), bad]).contiguous(memory_format=torch.channels_last)
        with bfloat16():
            logits, real = network(x)
        said = sum(F.cross_entropy(logits[name][:batch].float(), right[name][index]) for name in QUESTIONS)
        is_picture = (torch.arange(len(real)) < batch).float()
        return said + F.binary_cross_entropy_with_logits(real.float(), is_picture)

    def save(average: nn.Module, step: int) -> None:
        kept = copy.deepcopy(average).half()
        (out / "judge").mkdir(exist_ok=True)
        state = {k: v.contiguous() for k, v in kept.state_dict().items() if not k.endswith("num_batches_tracked")}
        save_file(state, out / "judge" / "judge.safetensors")
        readings = Judge.load(out / "judge" / "judge.safetensors").read(held_out_pictures.permute(0, 2, 3, 1).numpy())
        known = [answers(scene) for scene in held_out]
        percent = 100 / HELD_OUT
        found = {
            n: percent * sum(r.answers[n] == a[n] for r, a in zip(readings, known, strict=True)) for n in QUESTIONS
        }
        print(f"step {step}: % right {found}, real {percent * sum(r.is_picture for r in readings)}", flush=True)

    train(network, loss_at, steps=steps, lr=lr, seed=seed, save=save, log=out / "judge.jsonl")
