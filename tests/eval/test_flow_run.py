"""The whole run on narrow Stable Diffusion 3 and FLUX folders in the true format."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest
import yaml

from tests.imagic.test_flux import narrow_flux
from tests.imagic.test_sd3 import narrow_sd3

pytestmark = pytest.mark.slow

QUICK = [
    *("dataset=picturebook_all", "dataset.limit=1", "metrics=picturebook", "model.image_size=64", "model.t5_tokens=8"),
    *("sweep.seeds=[0]", "sweep.strengths=[0,1]", "run_dir=runs/it"),
]
FOLDERS = {"sd3": narrow_sd3, "flux": narrow_flux}


@pytest.mark.parametrize(
    ("model", "method", "steps"), [("sd3", "flowedit", 50), ("flux", "rf_inversion", 28), ("flux", "imagic", 28)]
)
def test_a_flow_is_edited_through_the_command_and_its_levels_stand_in_the_run(
    tmp_path, text_config, command, model, method, steps
):
    folder = FOLDERS[model](tmp_path / model, text_config)
    few = ["recipe.imagic.embedding.steps=2", "recipe.imagic.finetune.steps=2"] if method == "imagic" else []
    options = [f"model={model}", f"model.path={folder}", f"method={method}", *QUICK, *few, "numerics.dtype=bfloat16"]
    done = command("eval.run", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs" / "it"
    samples = pd.read_parquet(run / "samples.parquet")
    assert set(samples["status"]) == {"ok"} and len(samples) == 2
    fit = yaml.safe_load((run / "config.yaml").read_text())["fit"]
    assert len(fit["model"]["levels"]) == steps + 1 and fit["model"]["levels"][::steps] == [1, 0]
    if method == "imagic":
        assert fit["method"]["variant"]["finetune"] == {"flux": "lora"}[model]


@pytest.mark.parametrize("method", ["flowedit", "sdedit"])
def test_the_embedded_flow_makes_edits_that_the_judge_finds_right(tmp_path, command, method):
    done = command("eval.run", "model=picturebook_flow", f"method={method}", "run_dir=run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    scores = pd.read_parquet(tmp_path / "run" / "scores.parquet")
    success = scores[scores["metric"].str.startswith("judge/success/")]
    assert success.groupby("pair_id")["score"].max().sum() >= 3  # of seven pairs, at some strength
    assert yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["fit"]["model"]["t5_tokens"] == 0


def test_the_same_weights_with_another_shift_are_another_run(tmp_path, text_config, command):
    folder = narrow_sd3(tmp_path / "sd3", text_config)
    options = ["model=sd3", "method=flowedit", *QUICK, "recipe.flowedit.sampling.steps=2"]
    assert command("eval.run", f"model.path={folder}", *options, cwd=tmp_path).returncode == 0
    other = shutil.copytree(folder, tmp_path / "other")
    config = other / "scheduler" / "scheduler_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"shift": 1.0}))
    done = command("eval.run", f"model.path={other}", *options, cwd=tmp_path)
    assert done.returncode == 2 and "levels" in done.stderr
