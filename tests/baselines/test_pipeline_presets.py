"""Presets of editing pipelines, each on a tiny pipeline of its true class."""

from __future__ import annotations

import json

import numpy as np
import pytest
from omegaconf import OmegaConf

from baselines.pipeline import PipelineEditor
from cli.command import compose
from imagic.api import describe_editor
from imagic.models.editing_pipeline import EditingPipeline
from tedbench.errors import UserError
from tedbench.pair import EditPair, Entry
from tests.tiny_pipelines import CALLS, INVERTS, NAMES, SIDES, save

PRESETS = {name: "leditspp_diffusers" if name == "leditspp" else name for name in NAMES}


@pytest.fixture(scope="module", params=NAMES)
def preset(request, tmp_path_factory):
    """A tiny pipeline as its preset loads it, and settings of the method as its recipe gives them, with fewer steps."""
    name = request.param
    folder = save(name, tmp_path_factory.mktemp(name))
    cfg = OmegaConf.to_container(compose("run", ["method=pipeline", f"model={PRESETS[name]}"]), resolve=True)
    wanted = cfg["model"] | {"path": str(folder), "image_size": SIDES[name]}
    assert json.loads((folder / "model_index.json").read_text())["_class_name"] == wanted["pipeline"]
    settings = {key: value for key, value in cfg["method"].items() if key not in ("_target_", "name")}
    settings["call"] = settings["call"] | CALLS[name]
    settings["invert"] = settings["invert"] | INVERTS.get(name, {})
    model = EditingPipeline.load(**{key: value for key, value in wanted.items() if key not in ("_target_", "family")})
    return model, settings


def images(preset, pair, *requests):
    model, settings = preset
    with PipelineEditor(model, **settings, seed=3).fit(pair) as edit:
        return [sample.image for sample in edit.sample(requests)]


@pytest.fixture
def pair(preset, noise_image):
    entry = Entry("a.png", "A sitting dog.", "A standing dog.", instruction="Make the dog sit.")
    return EditPair(entry, noise_image(0, preset[0].image_size))


def test_a_preset_edits_and_an_image_is_the_same_alone_and_among_others(preset, pair, noise_image):
    grid = PipelineEditor.describe(preset[1]).axis.grid
    requests = [(grid[0], 0), (grid[-1], 1)]
    among = images(preset, pair, *requests)
    other = EditPair(pair.entry, noise_image(1, preset[0].image_size))
    assert not np.array_equal(images(preset, other, requests[1])[0], among[1])
    assert np.array_equal(images(preset, pair, requests[1])[0], among[1])  # after another pair, and alone
    assert not np.array_equal(*among)
    assert all(image.shape == pair.image.shape and image.std() > 5 for image in among)
    assert preset[0].evaluations > 0


def test_a_preset_names_arguments_that_its_class_has_before_weights_are_loaded(preset):
    model, settings = preset
    arguments = model.arguments
    PipelineEditor.check_setup(
        settings, {"path": "nowhere/at-all", "pipeline": type(model.pipeline).__name__, "arguments": arguments}
    )
    wrong = settings | {"call": settings["call"] | {"strenght": 1}}
    with pytest.raises(UserError, match=r"recipe\.pipeline\.call: .* cannot be called with 'strenght'"):
        PipelineEditor.check_setup(
            wrong, {"path": "nowhere/at-all", "pipeline": type(model.pipeline).__name__, "arguments": arguments}
        )


@pytest.mark.parametrize("name", sorted(PRESETS.values()))
def test_every_preset_is_described_without_its_weights(name):
    cfg = OmegaConf.to_container(compose("run", ["method=pipeline", f"model={name}", "dataset=tedbench"]), resolve=True)
    described = describe_editor(cfg)
    assert described.takes_model and described.needs == (() if name == "leditspp_diffusers" else ("instruction",))


def test_arguments_of_an_inversion_are_for_pipelines_that_invert(tiny_pipeline):
    with pytest.raises(UserError, match=r"model\.arguments\.invert=true"):
        PipelineEditor(tiny_pipeline(), invert={"skip": 0.1})
