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

FINE = 4
COLORS_WEIGHT = 30.0


def labels(scene: Scene) -> tuple[int, int, int]:
    """Class of the subject's look, of the place, and of the side it faces."""
    return LOOKS.index((scene.kind, scene.state, scene.color)), PLACES.index(scene.place), int(scene.facing > 0)


class Classifier(nn.Module):
    """AlexNet's features, and what is asked of them.

    The greatest of each channel over the picture goes to one linear layer for each question; what each of the last
    layer's cells shows goes to a linear layer that tells the colours there, so that the ground counts and not the subject
    alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = alexnet(weights=None).features
        self.heads = nn.ModuleList(nn.Linear(256, n) for n in (len(LOOKS), len(PLACES), 2))
        self.colors = nn.Conv2d(256, 3 * FINE**2, 1)

    def forward(self, x: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Logits of each question, and colours: (B, 3 FINE², 3, 3)."""
        cells = self.features[:-1](x)  # without the last pooling
        pooled = cells.amax(dim=(2, 3))
        return [head(pooled) for head in self.heads], self.colors(cells)


def colors(x: torch.Tensor) -> torch.Tensor:
    """The mean colours of the FINE × FINE parts of 3 × 3 cells: (B, 3, H, W) to (B, 3 FINE², 3, 3)."""
    return nn.functional.pixel_unshuffle(nn.functional.adaptive_avg_pool2d(x, 3 * FINE), FINE)


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
        x = pictures[index].float() / 127.5 - 1
        with bfloat16():
            answers, seen = model((x - shift) / scale)
        asked = sum(nn.functional.cross_entropy(a.float(), truth[index, k]) for k, a in enumerate(answers))
        return asked + COLORS_WEIGHT * (seen.float() - colors(x)).square().mean()

    def save(average: nn.Module, step: int) -> None:
        folder = out / "perceptual"
        folder.mkdir(exist_ok=True)
        kept = copy.deepcopy(average).half()
        assert isinstance(kept, Classifier)
        save_file({k: v.contiguous() for k, v in kept.features.state_dict().items()}, folder / "alex.safetensors")

    train(model, loss_at, steps=steps, lr=lr, seed=seed, save=save, log=out / "perceptual.jsonl")
