"""A model's family chooses the recipes: what was composed when each model listed them is composed still."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from cli.command import command, compose, resolved
from tedbench.errors import UserError

COMPOSED = json.loads((Path(__file__).parent / "composed.json").read_text())
"""Digests of model, method, dataset and metrics, recorded when every model's YAML still listed its recipes."""


@pytest.mark.parametrize("model", sorted({pair.split()[0] for pair in COMPOSED}))
def test_every_method_is_composed_on_every_model_as_before_families(model):
    for pair, digest in COMPOSED.items():
        on, method = pair.split()
        if on == model:
            plain = resolved(compose("run", [f"model={model}", f"method={method}"]))
            blocks = {block: plain[block] for block in ("model", "method", "dataset", "metrics")}
            found = hashlib.sha256(json.dumps(blocks, sort_keys=True).encode()).hexdigest()[:16]
            assert found == digest, pair


def test_the_family_stands_beside_the_model_so_that_it_is_no_part_of_a_run():
    cfg = compose("run", ["model=sd15"])
    assert cfg.family == "sd" and "family" not in cfg.model
    assert compose("run", ["method=precomputed"]).family is None


def test_another_family_brings_its_recipes():
    cfg = compose("run", ["model=sd15", "model.family=picturebook", "recipe.imagic.embedding.lr=3"])
    assert (cfg.family, cfg.method.embedding.steps, cfg.method.embedding.lr) == ("picturebook", 120, 3)


def test_an_experiment_that_chooses_the_model_chooses_its_recipes():
    cfg = compose("run", ["+experiment=tedbench", "recipe.imagic.embedding.draws=2", "recipe/sdedit=picturebook"])
    assert (cfg.family, cfg.method.embedding.steps, cfg.method.embedding.draws) == ("sd", 1000, 2)
    assert cfg.recipe.sdedit.sampling.steps == 50


def test_settings_of_a_recipe_that_the_method_does_not_read_are_taken_as_before():
    assert compose("run", ["method=imagic", "recipe.sdedit.sampling.steps=5"]).recipe.sdedit.sampling.steps == 5


@pytest.fixture
def own(tmp_path) -> Path:
    """A folder with a method, a model of a new family, and the method's recipe for Stable Diffusion."""
    for name, content in {
        "method/mine.yaml": "_target_: mine.Mine\nname: mine\nsampling: ${recipe.mine.sampling}\n",
        "method/whole.yaml": "_target_: mine.Mine\nname: whole\nsampling:\n  steps: 3\n",
        "recipe/mine/sd.yaml": "sampling:\n  steps: 7\n",
        "recipe/imagic/new.yaml": "defaults:\n  - sd\nfinetune:\n  steps: 3\n",
        "model/new.yaml": "_target_: new.New.load\nname: new\nfamily: new\nimage_size: 8\n",
        "model/listed.yaml": "defaults:\n  - /recipe/imagic@_global_.recipe.imagic: picturebook\nname: listed\nimage_size: 8\n",
        "experiment/mine.yaml": (
            "# @package _global_\ndefaults:\n  - override /model: sd15\n  - override /recipe/sdedit: picturebook\n"
            "recipe:\n  mine:\n    sampling:\n      steps: 8\n"
        ),
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def test_a_folder_of_ones_own_brings_a_method_and_its_recipe(own):
    def steps(*overrides: str) -> int:
        return compose("run", [f"hydra.searchpath=[file://{own}]", *overrides]).method.sampling.steps

    assert steps("method=mine", "model=sdxl") == 7
    assert steps("method=mine", "model=sdxl", "recipe.mine.sampling.steps=9") == 9
    assert steps("method=whole", "model=new") == 3
    with pytest.raises(UserError, match=r"Did you mean recipe\.mine\.sampling\.steps"):
        steps("method=mine", "model=sdxl", "recipe.mine.sampling.stes=9")


def test_a_model_of_a_new_family_takes_the_recipes_that_there_are_for_it(own):
    searched = f"hydra.searchpath=[file://{own}]"
    assert compose("run", [searched, "model=new", "+metrics=standard"]).method.finetune.steps == 3
    with pytest.raises(
        UserError,
        match=r"model=new has no recipe for method=sdedit: its family is new. Write conf/recipe/sdedit/new.yaml",
    ):
        resolved(compose("run", [searched, "model=new", "method=sdedit", "+metrics=standard"]))


def test_an_experiment_of_ones_own_changes_recipes(own):
    cfg = compose("run", [f"hydra.searchpath=[file://{own}]", "+experiment=mine", "method=mine"])
    assert cfg.method.sampling.steps == 8 and cfg.recipe.sdedit.sampling.steps == 50


def test_a_model_that_lists_its_recipes_itself_keeps_them(own):
    searched = f"hydra.searchpath=[file://{own}]"
    cfg = compose("run", [searched, "model=listed", "+metrics=standard", "recipe.imagic.embedding.lr=1"])
    assert (cfg.method.embedding.steps, cfg.method.embedding.lr) == (120, 1)
    cfg = compose("run", [searched, "model=listed", "+metrics=standard", "recipe/imagic=sd"])
    assert cfg.method.embedding.steps == 1000
    with pytest.raises(UserError, match="its YAML names no family"):
        resolved(compose("run", [searched, "model=listed", "method=ddib", "+metrics=standard"]))


@command("run", "about", "")
def tell_settings(cfg):
    plain = resolved(cfg)
    print(plain["model"]["name"], plain["method"]["name"], plain["method"]["sampling"]["steps"], plain["family"])


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (
            ["-m", "model=picturebook,sd15", "method=imagic,sdedit", "recipe.sdedit.sampling.steps=5"],
            [
                "picturebook imagic 20 picturebook",
                "picturebook sdedit 5 picturebook",
                "sd15 imagic 50 sd",
                "sd15 sdedit 5 sd",
            ],
        ),
        (
            ["-m", "recipe/imagic=picturebook,picturebook_photo", "recipe.imagic.sampling.guidance=1,2"],
            ["picturebook imagic 20 picturebook", "picturebook imagic 30 picturebook"] * 2,
        ),
    ],
)
def test_each_job_of_a_sweep_has_its_own_models_recipes(arguments, lines, tmp_path, call_main):
    done = call_main(tell_settings, *arguments, cwd=tmp_path)
    assert (done.returncode, sorted(done.stdout.splitlines())) == (0, sorted(lines)), done.stderr


def test_a_job_of_a_sweep_without_a_recipe_fails_alone_in_one_line(tmp_path, call_main):
    done = call_main(tell_settings, "-m", "model=picturebook,none", "method=sdedit", cwd=tmp_path)
    assert done.returncode == 2 and done.stdout.splitlines() == ["picturebook sdedit 50 picturebook"]
    assert re.fullmatch("error: model=none has no recipe for method=sdedit.*\n", done.stderr)
