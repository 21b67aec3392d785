"""Editing pipelines of diffusers, as a method."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from diffusers import StableDiffusionInstructPix2PixPipeline
from PIL import Image

from baselines.pipeline import PipelineEditor
from imagic.models.editing_pipeline import EditingPipeline
from tedbench.errors import PairError, UserError
from tedbench.pair import EditPair, Entry
from tedbench.seeding import generator

ARGUMENTS = {"image": "image", "wrap": "none", "text": "prompt", "template": "{text}", "size": [], "invert": False}
AXIS = {"argument": "guidance_scale", "values": [2, 5]}
CALL = {"num_inference_steps": 3, "image_guidance_scale": 1.5}
SIDE = 16


@pytest.fixture(scope="module")
def folder(tiny_pipeline, tmp_path_factory):
    """A tiny InstructPix2Pix folder."""
    path = tmp_path_factory.mktemp("ip2p")
    tiny_pipeline().pipeline.save_pretrained(path)
    return path


@pytest.fixture
def model(folder):
    return EditingPipeline.load(
        str(folder), arguments=ARGUMENTS, image_size=SIDE, name="tiny", without=["safety_checker"]
    )


@pytest.fixture
def pair(noise_image):
    entry = Entry("a.png", "A sitting dog.", "A standing dog.", instruction="Make the dog sit.")
    return EditPair(entry, noise_image(0, SIDE))


def images(model, pair, *requests, **settings):
    editor = PipelineEditor(model, **{"call": CALL, "axis": AXIS, **settings})
    with editor.fit(pair) as edit:
        return [sample.image for sample in edit.sample(requests or [(5.0, 0)])]


def test_an_image_is_the_pipelines_own_for_a_generator_of_pair_and_seed(folder, model, pair):
    (found,) = images(model, pair, seed=7)
    pipeline = StableDiffusionInstructPix2PixPipeline.from_pretrained(folder, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    rng = generator(7, pair.id, "pipeline", 0)
    wanted = pipeline("Make the dog sit.", Image.fromarray(pair.image), guidance_scale=5.0, generator=rng, **CALL)
    assert np.array_equal(found, np.array(wanted.images[0]))


def test_an_image_is_the_same_alone_and_among_others(model, pair):
    alone = images(model, pair, (5.0, 1))[0]
    among = images(model, pair, (2.0, 0), (5.0, 0), (5.0, 1))
    assert np.array_equal(alone, among[2])
    assert not np.array_equal(among[1], among[2])


def test_strengths_are_an_argument_of_the_call_or_there_are_none(model, pair):
    described = PipelineEditor.describe({"text": "instruction", "call": CALL, "axis": AXIS})
    assert (described.axis.name, described.axis.grid, described.axis.identity) == ("guidance_scale", (2, 5), None)
    assert described.takes_model and described.needs == ("instruction",)
    fixed = PipelineEditor.describe({"axis": {"argument": None, "values": []}}).axis
    assert fixed.fixed and fixed.grid == (1.0,)
    one, other = images(model, pair, (2.0, 0), (5.0, 0))
    assert not np.array_equal(one, other)
    assert np.array_equal(images(model, pair, (1.0, 0), axis=None, call={**CALL, "guidance_scale": 2.0})[0], one)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"call": {"guidance": 3}}, r"recipe\.pipeline\.call: StableDiffusionInstr.* cannot be called with 'guidance'.* Did you mean guidance_scale\?"),
        ({"call": {"generator": None}}, "cannot be called with 'generator'"),
        ({"axis": {"argument": "strength", "values": [0]}}, r"recipe\.pipeline\.axis\.argument: .*'strength'"),
    ],
)  # fmt: skip
def test_an_unknown_argument_is_refused_before_the_first_pair(model, settings, words):
    with pytest.raises(UserError, match=words):
        PipelineEditor(model, **{"call": CALL, "axis": AXIS, **settings})


@pytest.mark.parametrize("name", ["image", "text"])
def test_an_argument_that_takes_image_or_text_must_be_there(folder, name):
    with pytest.raises(UserError, match=r"model\.arguments: .*'input_images'"):
        EditingPipeline.load(str(folder), arguments={**ARGUMENTS, name: "input_images"}, image_size=SIDE)


def test_what_it_is_told_is_a_field_or_a_template(model, pair):
    told = lambda text: PipelineEditor(model, text=text).fit(pair).told
    assert told("instruction") == "Make the dog sit." and told("target_text") == "A sitting dog."
    assert told("From {source_text} to {target_text}") == "From A standing dog. to A sitting dog."
    assert PipelineEditor.describe({"text": "{source_text} {target_text}"}).needs == ("source_text",)
    for text, words in (("Sit!", "no field of a pair"), ("{caption}", "no field 'caption'"), ("{", "no template")):
        with pytest.raises(UserError, match=words):
            PipelineEditor.describe({"text": text})
    bare = dataclasses.replace(pair, entry=Entry("a.png", "A sitting dog."))
    with pytest.raises(PairError, match="needs instruction"):
        PipelineEditor(model).fit(bare)


class Returns:
    """What a call returned."""

    def __init__(self, *images, flagged=None):
        self.images, self.nsfw_content_detected = list(images), flagged


def test_other_sizes_and_modes_are_brought_to_the_pairs_square_and_recorded(model, pair, monkeypatch):
    gray = Image.fromarray(np.full((24, 40), 100, np.uint8))
    monkeypatch.setattr(type(model.pipeline), "__call__", lambda self, **_: Returns(gray))
    editor = PipelineEditor(model)
    with editor.fit(pair) as edit:
        (sample,) = edit.sample([(1.0, 0)])
        assert sample.image.shape == (SIDE, SIDE, 3) and (sample.image == 100).all()
        assert edit.returned() == {(1.0, 0): ((40, 24), "cut")}


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (Returns(Image.new("RGB", (16, 16)), flagged=[True]), "safety checker replaced the image"),
        (Returns(), "returned NoneType in place of an image"),
        (Returns("a.png"), "returned str in place of an image"),
    ],
)
def test_what_is_no_edit_fails_in_one_line(model, pair, monkeypatch, returned, words):
    monkeypatch.setattr(type(model.pipeline), "__call__", lambda self, **_: returned)
    with pytest.raises(PairError, match=words):
        images(model, pair, axis=None, call={})


def test_an_error_inside_the_pipeline_concerns_its_pair_alone(model, pair, monkeypatch):
    def broken(self, **_):
        raise ValueError("height must be divisible by 8\nand more")

    monkeypatch.setattr(type(model.pipeline), "__call__", broken)
    with pytest.raises(PairError, match=r"raised ValueError: height must be divisible by 8$"):
        images(model, pair, axis=None, call={})


def test_evaluations_are_counted(model, pair):
    images(model, pair, (5.0, 0))
    assert model.evaluations == 3 * 3  # three steps of three branches


def test_models_of_another_kind_are_refused(folder, tiny_model):
    with pytest.raises(UserError, match="calls an editing pipeline, and tiny is none"):
        PipelineEditor(tiny_model())
    with pytest.raises(UserError, match="has no pipeline StrangePipeline"):
        EditingPipeline.load(str(folder), pipeline="StrangePipeline", arguments=ARGUMENTS, image_size=SIDE)
    with pytest.raises(UserError, match="has no pipeline UNet2DConditionModel"):
        EditingPipeline.load(str(folder), pipeline="UNet2DConditionModel", arguments=ARGUMENTS, image_size=SIDE)
