"""Training images and captions, drawn from seeds."""

from __future__ import annotations

import random
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch

from picturebook.world import Scene, caption, draw_scene, render


def training_scene(index: int, seed: int = 0) -> Scene:
    """Return the ``index``-th training scene; the edit pairs' scenes have other seeds, so they are never among them."""
    return draw_scene(random.Random(f"train {seed} {index}"))


def scene_captions(scene: Scene, count: int) -> list[str]:
    """Return ``count`` captions of ``scene``."""
    rng = random.Random(f"captions {scene.clutter}")
    return [caption(scene, rng) for _ in range(count)]


def training_scenes(count: int, seed: int = 0) -> list[Scene]:
    """Return the first ``count`` training scenes."""
    return [training_scene(i, seed) for i in range(count)]


def training_pictures(scenes: list[Scene]) -> torch.Tensor:
    """Draw (N, 3, 64, 64) uint8 on all cores."""
    with ProcessPoolExecutor() as pool:
        return _stacked(list(pool.map(render, scenes, chunksize=256)))


def pictures_of(scenes: list[Scene]) -> torch.Tensor:
    """Draw (N, 3, 64, 64) uint8 in this process."""
    return _stacked([render(scene) for scene in scenes])


def _stacked(pictures: list[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()


def to_model_space(pictures: torch.Tensor) -> torch.Tensor:
    """Convert uint8 [0, 255] to float32 [-1, 1], channels last in memory."""
    return (pictures.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
