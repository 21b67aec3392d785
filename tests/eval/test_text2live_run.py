"""A method whose randomness is in the fit, and that needs texts which a pair may lack, in the main job."""

from __future__ import annotations

import hashlib

import pandas as pd
import pytest
from PIL import Image

QUICK = [
    "method=text2live",
    "recipe.text2live.optimisation.steps=1",
    "recipe.text2live.generator.scales=2",
    "recipe.text2live.views.count=1",
    "numerics.threads=1",
    "dataset=folder",
    "dataset.file=pairs.csv",
    "run_dir=run",
    "sweep.strengths=[0,1]",
]
FULL = "image,target_text,source_object,target_object\na.png,A red bird.,bird,red bird\nb.png,A sitting dog.,dog,{}\n"


@pytest.fixture
def folder(tmp_path, noise_image, monkeypatch):
    for seed, name in enumerate(("a.png", "b.png")):
        Image.fromarray(noise_image(seed, 64)).save(tmp_path / name)
    (tmp_path / "pairs.csv").write_text(FULL.format(""))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def images(folder, pair="a.png"):
    found = sorted((folder / "run" / "pairs").glob(f"{pair}*/opacity*.png"))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def test_seeds_are_fits_failures_stay_with_their_pair_and_both_can_be_added_to(folder, command):
    done = command("eval.run", *QUICK, "sweep.seeds=[0,1]")
    assert done.returncode == 1 and "target_object" in done.stdout
    first = images(folder)
    assert set(first) == {f"opacity{o}-s{s}.png" for o in (0, 1) for s in (0, 1)}
    assert first["opacity0-s0.png"] == first["opacity0-s1.png"] and first["opacity1-s0.png"] != first["opacity1-s1.png"]
    samples = pd.read_parquet(folder / "run" / "samples.parquet").set_index("image_name")
    assert set(samples.loc["a.png", "status"]) == {"ok"} and set(samples.loc["b.png", "status"]) == {"failed"}
    assert all("needs target_object" in reason for reason in samples.loc["b.png", "reason"])

    (folder / "pairs.csv").write_text(FULL.format("sitting dog"))
    assert command("eval.run", *QUICK, "sweep.seeds=[0,1,2]", "run.retry_failed=true").returncode == 0
    longer = images(folder)
    assert first.items() <= longer.items() and len(set(longer.values())) == 4
    assert len(images(folder, "b.png")) == 6
