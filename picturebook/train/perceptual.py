"""The backbone of the perceptual distance: AlexNet's features, trained for classification and for distances.

With classification alone a change of place is as near as a change of pose in a quarter of all cases; so the distance
itself is trained too, to order changes of a scene by their size.
"""

from __future__ import annotations

import copy
import random
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision.models import alexnet

from picturebook.train.data import training_pictures, training_scenes
from picturebook.train.loop import train
from picturebook.train.mixed import bfloat16
from picturebook.world import KINDS, PLACES, Scene, edit

SCENES = 30_000
CHANGES = 20_000
"""Number of scenes that are compared with a small change, a large one, and another scene."""

LOOKS = [(name, state, color) for name, kind in KINDS.items() for state in kind.states for color in kind.colors]
"""Every (kind, state, colour): one class each."""

FINE = 4
COLORS_WEIGHT = 30.0
ORDER_WEIGHT = 2.0
ORDER_BATCH = 32
MARGIN = 0.25
"""Margin between the logarithms of two distances that should differ."""

TAPS = (1, 4, 7, 9, 11)
"""The layers of AlexNet's features whose outputs LPIPS compares."""


def labels(scene: Scene) -> tuple[int, int, int]:
    """Return the classes of the subject's look, of the place, and of the side it faces."""
    return LOOKS.index((scene.kind, scene.state, scene.color)), PLACES.index(scene.place), int(scene.facing > 0)


class Classifier(nn.Module):
    """AlexNet's features with heads for classification.

    The maximum of each channel over the image goes to one linear layer for each question; each of the last layer's
    cells goes to a linear layer that predicts the colours there, so that the features cover the ground and not the
    subject alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = alexnet(weights=None).features
        self.heads = nn.ModuleList(nn.Linear(256, n) for n in (len(LOOKS), len(PLACES), 2))
        self.colors = nn.Conv2d(256, 3 * FINE**2, 1)

    def forward(self, x: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Return the logits of each question, and colours: (B, 3 FINE², 3, 3)."""
        cells = self.features[:-1](x)  # without the last pooling
        pooled = cells.amax(dim=(2, 3))
        return [head(pooled) for head in self.heads], self.colors(cells)


def colors(x: torch.Tensor) -> torch.Tensor:
    """Return the mean colours of the FINE × FINE parts of 3 × 3 cells: (B, 3, H, W) to (B, 3 FINE², 3, 3)."""
    return nn.functional.pixel_unshuffle(nn.functional.adaptive_avg_pool2d(x, 3 * FINE), FINE)


def plain_scenes(count: int, seed: int) -> list[Scene]:
    """Return training scenes by day in clear weather, with subjects that can take another state."""
    free = [scene for scene in training_scenes(2 * count, seed) if scene.relation != "over"][:count]
    return [edit(scene, time="day", weather="clear") for scene in free]


def other_state(scene: Scene, rng: random.Random) -> Scene:
    """Return the scene with its subject in another state."""
    return edit(scene, state=rng.choice([state for state in KINDS[scene.kind].states if state != scene.state]))


def other_place(scene: Scene, rng: random.Random) -> Scene:
    """Return the scene in another place."""
    return edit(scene, place=rng.choice([place for place in PLACES if place != scene.place]))


def distances(features: nn.Sequential, first: torch.Tensor, *others: torch.Tensor) -> list[torch.Tensor]:
    """Return LPIPS without linear layers of ``first`` to each of the others: (B, 3, H, W) each to (B,) each."""
    x = torch.cat([first, *others])
    total: list[torch.Tensor] = [torch.zeros(len(first)) for _ in others]
    for k, layer in enumerate(features):
        x = layer(x)
        if k in TAPS:
            origin, *rest = nn.functional.normalize(x.float(), dim=1, eps=1e-8).chunk(1 + len(others))
            total = [d + (origin - o).square().sum(1).mean((1, 2)) for d, o in zip(total, rest, strict=True)]
    return total


def order_loss(near: torch.Tensor, far: torch.Tensor, away: torch.Tensor) -> torch.Tensor:
    """Return a hinge loss on the logarithms for the order near < far < away, each (B,)."""
    d0, d1, d2 = (d.clamp(min=1e-6).log() for d in (near, far, away))
    return (nn.functional.relu(MARGIN + d0 - d1) + nn.functional.relu(MARGIN + d1 - d2)).mean()


SHIFT = torch.tensor([-0.030, -0.088, -0.188]).reshape(1, 3, 1, 1)
SCALE = torch.tensor([0.458, 0.448, 0.450]).reshape(1, 3, 1, 1)


def normalised(x: torch.Tensor) -> torch.Tensor:
    """Normalise (B, 3, H, W) in [-1, 1] for the backbone, like the lpips package."""
    return (x - SHIFT) / SCALE


def main(
    out: Path, steps: int = 2500, batch: int = 64, lr: float = 4e-4, seed: int = 0, start: Path | None = None
) -> None:
    """Train the backbone and write ``out/perceptual/alex.safetensors``, torchvision's ``alexnet().features``."""
    torch.manual_seed(seed)
    scenes = training_scenes(SCENES)
    pictures = training_pictures(scenes)
    truth = torch.tensor([labels(scene) for scene in scenes])
    draws = random.Random(f"changes {seed}")
    plain = plain_scenes(CHANGES, seed=1)
    changed = [(scene, other_state(scene, draws), other_place(scene, draws)) for scene in plain]
    changes = [training_pictures(list(group)) for group in zip(*changed, strict=True)]
    model = Classifier()
    if start:
        model.features.load_state_dict(load_file(start / "perceptual" / "alex.safetensors"))

    def loss_at(rng: torch.Generator) -> torch.Tensor:
        index = torch.randint(SCENES, (batch,), generator=rng)
        x = pictures[index].float() / 127.5 - 1
        which = torch.randint(len(plain), (min(ORDER_BATCH, batch),), generator=rng)
        four = [normalised(p[which].float() / 127.5 - 1) for p in changes]
        four.append(normalised(x[:ORDER_BATCH]))
        with bfloat16():
            answers, seen = model(normalised(x))
            order = order_loss(*distances(model.features, *four))
        asked = sum(nn.functional.cross_entropy(a.float(), truth[index, k]) for k, a in enumerate(answers))
        return asked + COLORS_WEIGHT * (seen.float() - colors(x)).square().mean() + ORDER_WEIGHT * order

    def save(average: nn.Module, step: int) -> None:
        folder = out / "perceptual"
        folder.mkdir(exist_ok=True)
        kept = copy.deepcopy(average).half()
        assert isinstance(kept, Classifier)
        save_file({k: v.contiguous() for k, v in kept.features.state_dict().items()}, folder / "alex.safetensors")

    train(model, loss_at, steps=steps, lr=lr, seed=seed, save=save, log=out / "perceptual.jsonl")
