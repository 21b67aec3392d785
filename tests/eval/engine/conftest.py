"""Small runs of real processes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture(scope="session")
def six_pairs(tiny_folder, noise_image, tmp_path_factory) -> list[str]:
    """Options of ``eval.run`` that edit six pairs with Imagic on a tiny model, in few steps."""
    folder = tmp_path_factory.mktemp("pairs")
    rows = ["image,target_text"]
    for k in range(6):
        Image.fromarray(noise_image(k)).save(folder / f"{k}.png")
        rows.append(f"{k}.png,A photo of picture {k}.")
    (folder / "pairs.csv").write_text("\n".join(rows))
    return [
        "dataset=folder",
        f"dataset.file={folder / 'pairs.csv'}",
        f"model.path={tiny_folder}",
        "model.image_size=16",
        *(f"~metrics.judge_{what}" for what in ("success", "changed", "kept")),
        "recipe.imagic.embedding.steps=2",
        "recipe.imagic.finetune.steps=2",
        "recipe.imagic.sampling.steps=1",
        "numerics.threads=1",
        "numerics.device=cpu",
        "sweep.strengths=[0,1]",
    ]


@pytest.fixture(scope="session")
def edit(command) -> partial:
    """``python -m eval.run`` in this process."""
    return partial(command, "eval.run")


@pytest.fixture(scope="session")
def whole(six_pairs, edit, tmp_path_factory) -> Path:
    """Their run by one command in one process."""
    folder = tmp_path_factory.mktemp("whole")
    assert edit(*six_pairs, "run_dir=run", cwd=folder).returncode == 0
    return folder / "run"
