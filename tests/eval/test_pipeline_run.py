"""The whole run on an editing pipeline of diffusers with random weights."""

from __future__ import annotations

import pandas as pd
import pytest
import yaml

pytestmark = pytest.mark.slow


def test_a_pipeline_is_run_resumed_and_known_by_its_weights(tmp_path, tiny_pipeline, command):
    tiny_pipeline().pipeline.save_pretrained(tmp_path / "tiny")
    options = [
        *("method=pipeline", "model=ip2p", "model.path=tiny", "model.image_size=16", "dataset=picturebook"),
        *("recipe.pipeline.call.num_inference_steps=2", "sweep.strengths=[2,5]", "sweep.seeds=[0]", "~metrics"),
    ]

    def edit(*more):
        done = command("eval.run", *options, *more, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        run = tmp_path / more[-1].removeprefix("run_dir=")
        assert set(pd.read_parquet(run / "samples.parquet")["status"]) == {"ok"}
        return {path.relative_to(run): path.read_bytes() for path in sorted(run.glob("pairs/*/*.png"))}

    whole = edit("dataset.limit=3", "run_dir=whole")
    part = edit("dataset.limit=1", "run_dir=parts")
    again = edit("dataset.limit=3", "run_dir=parts")  # the same command with more pairs continues the run
    assert part.items() <= again.items() and again == whole
    config = yaml.safe_load((tmp_path / "whole" / "config.yaml").read_text())
    assert config["fit"]["method"]["text"] == "instruction" and config["fit"]["method"]["call"] == {
        "num_inference_steps": 2,
        "image_guidance_scale": 1.5,
    }
    assert len(config["fit"]["model"]["digest"]) > 20

    wrong = command("eval.run", *options, "+recipe.pipeline.call.strength=1", "run_dir=wrong", cwd=tmp_path)
    assert wrong.returncode == 2 and "cannot be called with 'strength'" in wrong.stderr
    assert not (tmp_path / "wrong").exists()
