"""The whole run on a narrow Stable Diffusion folder in the true format, at 512²."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pandas as pd
import pytest
from diffusers import PNDMScheduler
from PIL import Image

pytestmark = pytest.mark.slow


def load_sibling(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_two_pairs_at_512_through_the_command(tmp_path, text_config, command):
    here = Path(__file__).parent
    formats, runs = load_sibling(here.parent / "imagic" / "test_formats.py"), load_sibling(here / "test_run.py")
    scheduler = PNDMScheduler(**formats.SD15_SCHEDULE, skip_prk_steps=True, set_alpha_to_one=False)
    folder = formats.narrow_stable_diffusion(tmp_path / "sd", scheduler, text_config)
    few = [f"recipe.imagic.{stage}.steps=2" for stage in ("embedding", "finetune", "sampling")]
    options = ["model=sd15", f"model.path={folder}", "metrics=picturebook", "dataset.limit=2"]
    done = command("eval.run", *runs.QUICK, *options, *few, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = tmp_path / done.stdout.strip().splitlines()[-1]
    samples = pd.read_parquet(run / "samples.parquet")
    assert run.name.startswith("picturebook-sd15-imagic-") and set(samples["status"]) == {"ok"}
    assert len(samples) == 6 and Image.open(run / samples["image"][0]).size == (512, 512)
