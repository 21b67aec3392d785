"""The judge: reads the contents of an image, to decide whether an edit made the requested change and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from picturebook.world import KINDS, PLACES, TIMES, WEATHERS, Scene
from picturebook.world.palette import COLORS

WEIGHTS = Path(str(files("picturebook"))) / "weights" / "judge" / "judge.safetensors"

_RELATIONS = sorted({f"{r} {o}" for kind in KINDS.values() for o, rs in kind.relations.items() for r in rs})

QUESTIONS: dict[str, tuple[str, ...]] = {
    "kind": tuple(KINDS),
    "state": tuple(f"{name} {state}" for name, kind in KINDS.items() for state in kind.states),
    "color": tuple(COLORS),
    "place": PLACES,
    "accessory": ("", *sorted({a for kind in KINDS.values() for a in kind.accessories})),
    "count": tuple(str(n) for n in sorted({n for kind in KINDS.values() for n in kind.counts})),
    "other": ("", *_RELATIONS),
    "time": TIMES,
    "weather": WEATHERS,
}
"""The questions about an image, each with all possible answers."""


def answers(scene: Scene) -> dict[str, str]:
    """Return the right answers, from the scene itself."""
    return {
        "kind": scene.kind,
        "state": f"{scene.kind} {scene.state}",
        "color": scene.color,
        "place": scene.place,
        "accessory": scene.accessory,
        "count": str(scene.count),
        "other": f"{scene.relation} {scene.other}".strip(),
        "time": scene.time,
        "weather": scene.weather,
    }


@dataclass(frozen=True)
class Reading:
    """The judge's reading of one image.

    Attributes:
        answers: to each of :data:`QUESTIONS`.
        real: probability that it is a whole and sharp image of this world, 0 to 1; blurred, torn, mixed or foreign
            images are not, and their answers mean nothing.
    """

    answers: dict[str, str]
    real: float

    @property
    def is_picture(self) -> bool:
        """True if it is an image of this world."""
        return self.real >= 0.5


class _Block(nn.Module):
    """Two convolutions with a residual connection."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.norm = nn.BatchNorm2d(after)
        self.second = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(after)
        self.skip = nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm2(self.second(torch.relu(self.norm(self.first(x)))))
        return torch.relu(y + self.skip(x))


class JudgeNetwork(nn.Module):
    """A small residual network with one linear head for each question, and one for "is it an image of this world"."""

    def __init__(self, widths: tuple[int, ...] = (32, 64, 128, 192)) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 3, 1, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()]
        for before, after in zip((widths[0], *widths), widths, strict=False):
            layers.append(_Block(before, after, 2))
        self.features = nn.Sequential(*layers)
        # Mean and maximum over the last 4 × 4 cells: the maximum because the object of a question may be small.
        self.heads = nn.ModuleDict({name: nn.Linear(2 * widths[-1], len(known)) for name, known in QUESTIONS.items()})
        self.real = nn.Linear(2 * widths[-1], 1)

    def forward(self, x: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Return logits (B, answers) by question and of a real image (B,), from (B, 3, 64, 64) in [-1, 1]."""
        cells = self.features(x)
        summary = torch.cat([cells.mean(dim=(2, 3)), cells.amax(dim=(2, 3))], dim=1)
        return {name: head(summary) for name, head in self.heads.items()}, self.real(summary)[:, 0]


def load_network(path: Path) -> JudgeNetwork:
    """Load the network from a safetensors file, in single precision."""
    network = JudgeNetwork()
    network.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    return network


class Judge:
    """The trained network, for images of 64 × 64."""

    def __init__(self, network: JudgeNetwork, device: str = "cpu") -> None:
        self._network, self._device = network.eval().to(device), device

    @classmethod
    def load(cls, path: Path = WEIGHTS, device: str = "cpu") -> Judge:
        """Load the judge from a safetensors file; the shipped one if none is given."""
        return cls(load_network(path), device)

    @torch.no_grad()
    def read(self, images: np.ndarray) -> list[Reading]:
        """Read each of (N, 64, 64, 3) uint8 images."""
        x = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).to(self._device).float() / 127.5 - 1
        logits, real = self._network(x)
        chosen = {name: values.argmax(dim=1).tolist() for name, values in logits.items()}
        return [
            Reading({name: QUESTIONS[name][chosen[name][i]] for name in QUESTIONS}, p)
            for i, p in enumerate(real.double().sigmoid().tolist())
        ]
