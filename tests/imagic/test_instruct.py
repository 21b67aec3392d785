"""InstructPix2Pix folders in the true format, narrow and with random weights, and the method on them."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionInstructPix2PixPipeline, UNet2DConditionModel
from PIL import Image

from baselines.instruct_pix2pix import InstructPix2Pix
from imagic.models.instruct import InstructPix2PixModel
from imagic.models.latent import LatentDiffusion
from imagic.models.text import Text
from imagic.models.weights import locate
from tedbench.errors import UserError
from tedbench.pair import EditPair, Entry

STEPS, GUIDANCE, IMAGE_GUIDANCE = 4, 5.0, 1.5
SAMPLING = {"steps": STEPS, "image_guidance": IMAGE_GUIDANCE}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The embedded model's autoencoder and text encoder, and a narrow UNet of twice the latents' channels."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("instruct")
    small = LatentDiffusion.load("picturebook:diffusion")
    unet = UNet2DConditionModel(
        sample_size=16,
        in_channels=12,
        out_channels=6,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=128,
        attention_head_dim=4,
        norm_num_groups=4,
    )
    StableDiffusionInstructPix2PixPipeline(
        vae=small.vae,
        text_encoder=small.text_encoder,
        tokenizer=small.tokenizer,
        unet=unet,
        scheduler=DDIMScheduler.from_pretrained(locate("picturebook:diffusion") / "scheduler"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def model(folder):
    return InstructPix2PixModel.load(str(folder))


@pytest.fixture
def pair(noise_image):
    entry = Entry("a.png", "A sitting dog.", instruction="Make the dog sit.")
    return EditPair(entry, noise_image(0, 64))


def test_images_are_those_of_diffusers_pipeline(folder, model, pair):
    editor = InstructPix2Pix(model, sampling=SAMPLING, seed=3)
    with editor.fit(pair) as edit:
        ours = [sample.image for sample in edit.sample([(GUIDANCE, 0), (2.0, 0)])]
        noise = torch.randn(1, *model.latent_shape, generator=edit.rng("initial noise", 0))
    pipeline = StableDiffusionInstructPix2PixPipeline.from_pretrained(folder, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    for guidance, image in zip((GUIDANCE, 2.0), ours, strict=True):
        theirs = pipeline(
            "Make the dog sit.",
            Image.fromarray(pair.image),
            latents=noise,
            num_inference_steps=STEPS,
            guidance_scale=guidance,
            image_guidance_scale=IMAGE_GUIDANCE,
            output_type="np",
        ).images[0]
        far = abs(image / 255 - theirs).max()
        assert far < 0.003, far  # rounding to 8 bits is 0.002


def test_what_the_network_is_told_is_a_setting(model, pair):
    def images(pair, **settings):
        with InstructPix2Pix(model, sampling=SAMPLING, **settings).fit(pair) as edit:
            return next(iter(edit.sample([(GUIDANCE, 0)]))).image.tolist()

    same = dataclasses.replace(pair, entry=dataclasses.replace(pair.entry, instruction=pair.target_text))
    assert images(pair) != images(pair, text="target_text") == images(same)
    described = InstructPix2Pix.describe({"sampling": SAMPLING, "text": "instruction"})
    assert described.needs == ("instruction",)
    assert InstructPix2Pix.describe({"sampling": SAMPLING, "text": "target_text"}).needs == ()
    with pytest.raises(UserError, match=r"method\.text is 'caption'"):
        InstructPix2Pix.describe({"sampling": SAMPLING, "text": "caption"})


def test_other_models_are_refused_and_so_is_this_one_by_them(folder):
    with pytest.raises(UserError, match="needs a model that reads the input, and custom is none"):
        InstructPix2Pix(LatentDiffusion.load("picturebook:diffusion"), sampling=SAMPLING)
    with pytest.raises(UserError, match="InstructPix2Pix"):
        InstructPix2PixModel.load("picturebook:diffusion")
    with pytest.raises(UserError, match="a model like InstructPix2Pix, which also sees the input"):
        LatentDiffusion.load(str(folder))


def test_a_texts_image_goes_where_the_text_goes():
    def text(value):
        return Text(torch.full((1, 2, 3), value), image=torch.full((1, 1, 2, 2), value), written=("a",))

    one, two = text(1.0), text(2.0)
    both = Text.cat([one, two])
    assert both.image.flatten(1).mean(1).tolist() == [1, 2] == [part.image.mean().item() for part in both.split()]
    assert one.expand(3).image.shape == (3, 1, 2, 2) and both.repeat_each(2).image[:, 0, 0, 0].tolist() == [1, 1, 2, 2]
    assert one.where(torch.tensor([True, False]), two).image[:, 0, 0, 0].tolist() == [1, 2]
    assert one.lerp(two, 0.5).image is one.image  # a mixture of texts is about the first one's image
    assert one.clone().image is not one.image and one.parameters() == [one.tokens]
