"""Small runs of real processes, and what is in their folders."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image

from eval.run import main


class Done(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


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
        "recipe.imagic.embedding.steps=10",
        "recipe.imagic.finetune.steps=30",
        "recipe.imagic.sampling.steps=2",
        "numerics.threads=1",
        "numerics.device=cpu",
        "sweep.strengths=[0,1]",
    ]


@pytest.fixture(scope="session")
def edit() -> Callable[..., Done]:
    """``python -m eval.run`` in this process: saves the seconds of importing torch anew."""

    def run(*overrides: str, cwd: Path) -> Done:
        out, err, status = io.StringIO(), io.StringIO(), 0
        with chdir(cwd), redirect_stdout(out), redirect_stderr(err), pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["eval.run", *overrides])
            try:
                main()
            except SystemExit as end:
                status = end.code or 0
        return Done(status, out.getvalue(), err.getvalue())

    return run


@pytest.fixture(scope="session")
def shards() -> Callable[[Path], dict[str, bytes]]:
    """Every file of a run's shards, by name."""

    def read(run: Path) -> dict[str, bytes]:
        files = [path for path in (run / "pairs").rglob("*") if path.is_file()]
        return {str(path.relative_to(run)): path.read_bytes() for path in sorted(files)}

    return read
