"""The trainers, for two steps on a few scenes: what they write loads as its users load it."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch

from eval.metrics.base import Reference
from eval.metrics.clip_score import ClipScore
from eval.metrics.lpips_distance import LpipsDistance
from imagic.models.cascade import Cascade
from imagic.models.instruct import InstructPix2PixModel
from imagic.models.latent import LatentDiffusion
from imagic.models.sd3 import StableDiffusion3
from imagic.models.weights import locate
from picturebook.train.data import training_scenes
from picturebook.train.instruct import begin, new_editor, some_instructions
from picturebook.train.tokenizer import build_tokenizer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with every part, trained for two steps."""
    out = tmp_path_factory.mktemp("train")
    for part in (
        "autoencoder",
        "diffusion",
        "clip",
        "perceptual",
        "judge",
        "text",
        "cascade",
        "upscaler",
        "flow",
        "instruct",
    ):
        module = importlib.import_module(f"picturebook.train.{part}")
        module.SCENES = module.CHANGES = module.POOL = 64
        module.LEAVES = module.HELD_OUT = 4
        module.main(out, steps=2, batch=4)
    return out


def test_the_diffusion_model_loads_and_runs(trained):
    model = LatentDiffusion.load(str(trained / "diffusion"))
    image = np.zeros((64, 64, 3), np.uint8)
    assert model.decode(model.encode_image(image)).shape == (1, 64, 64, 3)
    assert model.encode_text(["A sitting dog."]).tokens.shape == (1, 48, 128)


def test_the_cascade_loads_and_runs(trained):
    model = Cascade.load(
        str(trained / "cascade" / "base"),
        str(trained / "cascade" / "upscaler"),
        upscaling={"steps": 2, "guidance": 1.0, "noise_level": 100},
        name="picturebook_cascade",
    )
    image = np.zeros((64, 64, 3), np.uint8)
    assert model.image_size == 64
    rngs = [torch.Generator().manual_seed(0)]
    assert model.decode(model.encode_image(image), model.encode_text(["A sitting dog."]), rngs).shape == (1, 64, 64, 3)


def test_the_flow_model_loads_and_runs(trained):
    model = StableDiffusion3.load(str(trained / "flow"), t5_tokens=0)
    image, text = np.zeros((64, 64, 3), np.uint8), model.encode_text(["A sitting dog."])
    assert (model.image_size, text.tokens.shape, text.pooled.shape) == (64, (1, 48, 256), (1, 256))
    x0 = model.encode_image(image)
    assert model.decode(x0).shape == (1, 64, 64, 3)
    with torch.no_grad():
        assert model.predict(x0, torch.tensor([0.5]), text).shape == x0.shape == (1, 6, 16, 16)


def test_the_editor_loads_and_reads_the_input(trained):
    model = InstructPix2PixModel.load(str(trained / "instruct"))
    x0, text = model.encode_image(np.zeros((64, 64, 3), np.uint8)), model.encode_text(["Make the dog sit."])
    assert (model.image_size, text.tokens.shape, x0.shape) == (64, (1, 48, 128), (1, 6, 16, 16))
    with torch.no_grad():
        blind, seeing = (model.predict(x0, torch.tensor([500]), each) for each in (text, model.with_image(text, x0)))
    assert blind.shape == x0.shape and not torch.equal(blind, seeing)


def test_an_editor_begins_as_the_text_to_image_model():
    """It ignores the input's latents at first, and shared words have the embeddings that they had."""
    source = locate("picturebook:diffusion")
    tokenizer, known = build_tokenizer(some_instructions()), LatentDiffusion.load(str(source))
    model = new_editor(tokenizer, 6)
    begin(model, tokenizer, source)
    x, seen, t = torch.randn(1, 6, 16, 16), torch.randn(1, 6, 16, 16), torch.tensor([300])
    text = known.encode_text(["A sitting dog."])
    tokens = tokenizer(["A sitting dog."], padding="max_length", return_tensors="pt").input_ids
    with torch.no_grad():
        states = model.text_encoder(tokens).last_hidden_state
        torch.testing.assert_close(states[:, :6], text.tokens[:, :6], atol=1e-4, rtol=1e-4)
        out = model.unet(torch.cat([x, seen], 1), t, text.tokens).sample
        torch.testing.assert_close(out, known.predict(x, t, text), atol=1e-4, rtol=1e-4)


def test_the_judges_load_and_score(trained):
    images = np.zeros((2, 64, 64, 3), np.uint8)
    reference = Reference(images[0], "A sitting dog.")
    assert ClipScore(str(trained / "clip")).score(reference, images).shape == (2,)
    backbone = str(trained / "perceptual" / "alex.safetensors")
    assert LpipsDistance("alex", 64, backbone).score(reference, images).tolist() == pytest.approx([0, 0])


def test_training_scenes_repeat():
    assert training_scenes(5) == training_scenes(5) != training_scenes(5, seed=1)
