"""The whole run on editing pipelines of diffusers with random weights."""

from __future__ import annotations

import json
import signal

import pandas as pd
import pytest
import yaml

from benchmarks.soak import Soak, outcome
from tests.tiny_pipelines import CALLS, INVERTS, NAMES, SIDES, save

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


def options_of(name, folder):
    """The command on a tiny pipeline in the place of its preset's."""
    preset = "leditspp_diffusers" if name == "leditspp" else name
    arguments = {"call": CALLS[name], "invert": INVERTS.get(name, {})}
    given = [(block, key, value) for block, values in arguments.items() for key, value in values.items()]
    return [
        *("method=pipeline", f"model={preset}", f"model.path={folder}", f"model.image_size={SIDES[name]}"),
        *(f"++recipe.pipeline.{block}.{key}={json.dumps(value)}" for block, key, value in given),
        "sweep.seeds=[0,1]" if name == "flux2_klein" else "sweep.strengths=[2,5]",
        *("dataset=picturebook", "dataset.limit=2", "numerics.threads=1", "run_dir=run"),
        *("metrics=instruct", "~metrics.clip", "~metrics.clip_large", "~metrics.lpips"),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_run_of_every_class_that_was_killed_ends_as_the_uncut_one(name, tmp_path):
    soak = Soak(tmp_path, options_of(name, save(name, tmp_path / "tiny")))
    assert soak.finish("uncut") == 0, soak.said("uncut")
    whole = outcome(soak.run("uncut"))
    process = soak.start("cut")
    soak.await_events("cut", 3, process)  # the start, a pair begun, a pair done
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL, "it ended before it was killed"
    assert len(soak.run("cut").shards()) < 2
    assert soak.finish("cut") == 0, soak.said("cut")
    assert outcome(soak.run("cut")) == whole
    samples = soak.run("cut").samples()
    assert set(samples["status"]) == {"ok"} and (samples["edit_size"] != "").all()
    if name == "longcat":
        assert set(samples["edit_size"]) == {"1024×1024"} and set(samples["geometry"]) == {"resized"}
        report = (soak.run("cut").folder / "report.html").read_text()
        assert "4 of 4 images came back as 1024×1024 (4) and were resized to the pairs&#39; square" in report
