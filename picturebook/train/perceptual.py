"""The backbone of the perceptual distance: AlexNet's features, trained to tell what is in a picture."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision.models import alexnet

from picturebook.train.data import training_pictures, training_scenes
from picturebook.train.loop import train
from picturebook.train.mixed import bfloat16
from picturebook.world import KINDS, PLACES, Scene

SCENES = 30_000
LOOKS = [(name, state, color) for name, kind in KINDS.items() for state in kind.states for color in kind.colors]
"""Every (kind, state, colour) there is: one class each."""


def labels(scene: Scene) -> tuple[int, int, int]:
    """Class of the subject's look, of the place, and of the side it faces."""
    return LOOKS.index((scene.kind, scene.state, scene.color)), PLACES.index(scene.place), int(scene.facing > 0)


class Classifier(nn.Module):
    """AlexNet's features, then the greatest of each channel over the picture, then one linear layer for each question."""

    def __init__(self) -> None:
        super().__init__()
        self.features = alexnet(weights=None).features
        self.heads = nn.ModuleList(nn.Linear(256, n) for n in (len(LOOKS), len(PLACES), 2))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        pooled = self.features(x).amax(dim=(2, 3))
        return [head(pooled) for head in self.heads]


def main(
    out: Path, steps: int = 2500, batch: int = 64, lr: float = 4e-4, seed: int = 0, start: Path | None = None
) -> None:
    """Trains it and writes ``out/perceptual/alex.safetensors``, the state of torchvision's ``alexnet().features``."""
    torch.manual_seed(seed)
    scenes = training_scenes(SCENES)
    pictures = training_pictures(scenes)
    truth = torch.tensor([labels(scene) for scene in scenes])
    # What the lpips package does to its input in [-1, 1] before the backbone sees it.
    shift = torch.tensor([-0.030, -0.088, -0.188]).reshape(1, 3, 1, 1)
    scale = torch.tensor([0.458, 0.448, 0.450]).reshape(1, 3, 1, 1)
    model = Classifier()
    if start:
        model.features.load_state_dict(load_file(start / "perceptual" / "alex.safetensors"))

    def loss_at(rng: torch.Generator) -> torch.Tensor:
        index = torch.randint(SCENES, (batch,), generator=rng)
        with bfloat16():
            answers = model((pictures[index].float() / 127.5 - 1 - shift) / scale)
        return sum(
            (nn.functional.cross_entropy(a.float(), truth[index, k]) for k, a in enumerate(answers)),
            start=torch.zeros(()),
        )

    def save(average: nn.Module, step: int) -> None:
        folder = out / "perceptual"
        folder.mkdir(exist_ok=True)
        kept = copy.deepcopy(average).half()
        assert isinstance(kept, Classifier)
        save_file({k: v.contiguous() for k, v in kept.features.state_dict().items()}, folder / "alex.safetensors")

    train(model, loss_at, steps=steps, lr=lr, seed=seed, save=save, log=out / "perceptual.jsonl")
