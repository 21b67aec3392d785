"""A saved run is made again from its own folder, and what differs is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image

from eval.analysis.repetition import compare_repetition
from eval.engine.rerun_settings import changed, settings_of
from eval.runs.config_diff import changes
from eval.runs.writer import RunWriter
from tedbench.errors import UserError

pytestmark = pytest.mark.usefixtures("blank_figures")

TINY = [
    *("recipe.imagic.embedding.steps=1", "recipe.imagic.finetune.steps=1", "recipe.imagic.sampling.steps=2"),
    *("numerics.threads=1", "numerics.sample_batch=2", "sweep.strengths=[0,1]", "dataset.limit=2"),
    *("metrics=full", "~metrics.clip", "~metrics.clip_large", "~metrics.clip_direction", "~metrics.clip_image"),
    *("~metrics.lpips", "~metrics.lpips_vgg", "~metrics.dino"),
]


@pytest.fixture(scope="module")
def made(tiny_folder, tmp_path_factory, command) -> Path:
    """A folder with the run ``a`` of two pairs and two strengths, and its repetition ``a-again``."""
    here = tmp_path_factory.mktemp("rerun")
    own = [f"model.path={tiny_folder}", "model.image_size=16", "run_dir=a"]
    status, out, err = command("eval.run", *TINY, *own, cwd=here)
    assert status == 0, out + err
    status, out, err = command("eval.rerun", "run=a", cwd=here)
    (here / "said").write_text(out)
    assert status == 0, out + err
    return here


def test_on_the_same_machine_nothing_differs(made):
    said = (made / "said").read_text()
    assert "images: 4 of 4 the same" in said and "configuration: the same" in said
    assert "scores: psnr/native: of 4 all the same" in said
    found = json.loads((made / "a-again" / "repetition.json").read_text())
    assert found["same"] and found["of"] == "a" and found["images_compared"] == 4 and found["images"] == []
    assert all(change["where"].startswith("git.") for change in found["provenance"])  # someone may be at the code
    assert (made / "a-again" / "report.html").exists()


def test_a_part_can_be_repeated_and_what_is_left_out_is_counted(made, command):
    status, out, err = command("eval.rerun", "run=a", "limit=1", "run_dir=part", cwd=made)
    assert status == 0, out + err
    assert "images: 2 of 2 the same" in out and "2 of the run's images were not made again" in out


def test_another_pixel_score_version_setting_and_input_are_each_told(made, tmp_path):
    shutil.copytree(made / "a-again", tmp_path / "b")
    again = RunWriter.open(tmp_path / "b")
    first, second = again.shards()
    path = first.folder / "eta1-s0.png"
    pixels = np.array(Image.open(path))
    pixels[3, 4, 1] ^= 64
    Image.fromarray(pixels).save(path)
    scores = second.scores_of("psnr/native")
    second.write_scores("psnr/native", scores.assign(score=scores["score"] + [0.0, 0.5]))
    done = second.info() | {"input": "other"}
    (second.folder / "done").write_text(json.dumps(done))
    config = again.config()
    config["fit"]["seed"] = 7
    (again.folder / "config.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(config)))
    made_with = json.loads((again.folder / "provenance.json").read_text())
    made_with["packages"]["torch"] = "0.1"
    (again.folder / "provenance.json").write_text(json.dumps(made_with))

    found = compare_repetition(RunWriter.open(made / "a"), again)
    assert not found.same
    others = [(c.where, c.after) for c in found.provenance if not c.where.startswith("git.")]
    assert others == [("packages.torch", "0.1")]
    assert [(c.where, c.before, c.after) for c in found.config] == [("fit.seed", 0, 7)]
    assert found.inputs == [second.id]
    (image,) = found.images[found.images["status"] == "differs"].to_dict("records")
    assert (image["pair_id"], image["strength"], image["greatest"]) == (first.id, 1.0, 64.0)
    assert image["mean"] == pytest.approx(64 / pixels.size)
    assert dict(zip(found.scores["metric"], found.scores["differ"], strict=True))["psnr/native"] == 1
    assert found.scores["greatest"].max() == pytest.approx(0.5)
    said = "\n".join(found.lines())
    assert "3 of 4 the same; 1 differ" in said and f"input: {second.id}" in said and first.id in said
    json.dumps(found.to_json(), allow_nan=False)


def test_a_failure_that_repeats_is_the_same_and_a_new_one_is_not(made, tmp_path):
    for name in ("one", "two"):
        shutil.copytree(made / "a", tmp_path / name)
    one, two = (RunWriter.open(tmp_path / name) for name in ("one", "two"))
    entry = next(row for row in one.samples().to_dict("records"))
    from tedbench.pair import Entry

    failing = Entry(entry["image_name"], entry["target_text"])
    for run in (one, two):
        run.write_failure(failing, [(2.0, 0)], "out of memory")
    assert compare_repetition(one, two).same
    two.write_failure(Entry("new.png", "A dog."), [(2.0, 0)], "another reason")
    one.write_failure(Entry("new.png", "A dog."), [(2.0, 0)], "one reason")
    found = compare_repetition(one, two)
    assert not found.same and "1 failed" in "\n".join(found.lines())


def test_an_empty_comparison_is_not_the_same(made, tmp_path):
    run = RunWriter.open(made / "a")
    empty = RunWriter.create(tmp_path / "empty", run.config())
    found = compare_repetition(run, empty)
    assert not found.same and found.left_out == 4


def test_nothing_in_a_strangers_configuration_reads_this_machines_variables(made, tmp_path, monkeypatch):
    monkeypatch.setenv("TOKEN", "hidden")
    shutil.copytree(made / "a", tmp_path / "a")
    run = RunWriter.open(tmp_path / "a")
    config = run.config()
    config["how"]["dataset"]["ids"] = ["${oc.env:TOKEN}"]
    (run.folder / "config.yaml").write_text(json.dumps(config))
    settings = settings_of(run, tmp_path / "out", tmp_path)
    assert OmegaConf.to_container(settings, resolve=True)["dataset"]["ids"] == ["${oc.env:TOKEN}"]


def test_a_finished_repetition_is_not_taken_for_a_new_one(made, command):
    status, _, err = command("eval.rerun", "run=a", cwd=made)
    assert status == 2 and "a-again is a finished repetition already" in err and "run_dir" in err


def test_changes_replace_only_what_is_there(made, tmp_path):
    settings = settings_of(RunWriter.open(made / "a"), tmp_path / "out", tmp_path)
    other = changed(settings, ["model.path=/weights", "numerics.device=cuda", "dataset.ids=[x]"])
    assert (other.model.path, other.numerics.device, other.dataset.ids) == ("/weights", "cuda", ["x"])
    for wrong in ("model.paht=/weights", "model.path"):
        with pytest.raises(UserError, match="replaces nothing"):
            changed(settings, [wrong])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "run is empty"),
        (["run=nowhere"], "is not a run"),
        (["run=a", "run_dir=a"], "is the run itself"),
        (["run=a", "limit=none"], "whole number"),
        (["run=a", "run_dir=new", "change=[nonsense]"], "replaces nothing"),
    ],
)
def test_what_cannot_be_repeated_says_why(made, arguments, words, command):
    status, _, err = command("eval.rerun", *arguments, cwd=made)
    assert status == 2 and words in err and len(err.strip().splitlines()) == 1


def test_changes_name_the_nested_value():
    before, after = {"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 1, "c": 5}, "e": None}
    assert [tuple(c) for c in changes(before, after)] == [("a.c", 2, 5), ("d", 3, None)]
