"""Stable Diffusion folders in the true format, narrow and with random weights."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from imagic.models.latent import LatentDiffusion
from imagic.models.weights import digest, locate
from tedbench.errors import UserError


def narrow_stable_diffusion(folder, scheduler, text_config):
    """Stable Diffusion's own layout and sizes (512² pictures, 64² latents, 77 tokens) with few channels."""
    torch.manual_seed(0)
    tokenizer = CLIPTokenizer.from_pretrained(locate("picturebook:diffusion") / "tokenizer", model_max_length=77)
    StableDiffusionPipeline(
        vae=AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(4, 4, 4, 4),
            norm_num_groups=2,
            sample_size=512,
        ),
        text_encoder=CLIPTextModel(text_config(tokenizer)),
        tokenizer=tokenizer,
        unet=UNet2DConditionModel(
            sample_size=64,
            block_out_channels=(4, 8, 8, 8),
            layers_per_block=1,
            cross_attention_dim=16,
            attention_head_dim=2,
            norm_num_groups=2,
        ),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder


SD15_SCHEDULE = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "steps_offset": 1}


@pytest.fixture(scope="module")
def sd15(text_config, tmp_path_factory):
    scheduler = PNDMScheduler(**SD15_SCHEDULE, skip_prk_steps=True, set_alpha_to_one=False)
    return narrow_stable_diffusion(tmp_path_factory.mktemp("sd15"), scheduler, text_config)


@pytest.fixture
def copy(sd15, tmp_path):
    return shutil.copytree(sd15, tmp_path / "copy")


def test_sizes_and_prediction_come_from_the_folder(sd15):
    model = LatentDiffusion.load(str(sd15))
    assert (model.image_size, model.latent_shape, model.process.prediction) == (512, (4, 64, 64), "epsilon")
    assert model.encode_text(["A sitting dog."]).tokens.shape == (1, 77, 16)
    image = np.full((512, 512, 3), 128, np.uint8)
    latents = model.encode_image(image)
    assert latents.shape == (1, 4, 64, 64)
    assert model.decode(latents).shape == (1, 512, 512, 3)


def test_any_scheduler_of_the_folder_becomes_ddim_on_its_own_schedule(sd15):
    model = LatentDiffusion.load(str(sd15))
    assert isinstance(model.process.scheduler, DDIMScheduler)
    assert model.process.scheduler.config.clip_sample is False and model.process.scheduler.config.steps_offset == 1
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    alpha_bar, _ = model.process.squares(torch.arange(1000))
    torch.testing.assert_close(alpha_bar.flatten(), (1 - betas).cumprod(0))


def test_the_latent_scale_is_the_autoencoders_own(copy):
    config = json.loads((copy / "vae" / "config.json").read_text())
    image = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    one = LatentDiffusion.load(str(copy)).encode_image(image)
    config["scaling_factor"] *= 2
    (copy / "vae" / "config.json").write_text(json.dumps(config))
    two = LatentDiffusion.load(str(copy)).encode_image(image)
    torch.testing.assert_close(two, 2 * one)


def test_v_prediction_is_read_from_the_schedulers_config(copy):
    path = copy / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"prediction_type": "v_prediction"}))
    model = LatentDiffusion.load(str(copy))
    x0, eps, t = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8), torch.tensor([400])
    a = model.process.squares(t)[0]
    torch.testing.assert_close(model.process.target(x0, eps, t), a.sqrt() * eps - (1 - a).sqrt() * x0)


def test_a_long_text_keeps_its_end_token_and_is_reported(sd15):
    model = LatentDiffusion.load(str(sd15))
    with pytest.warns(UserWarning, match="cut off"):
        model.encode_text(["A dog and a cat " * 30])


def test_a_pickle_is_refused(copy):
    weights = copy / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(UserError, match="pickle"):
        LatentDiffusion.load(str(copy))


def test_an_incomplete_folder_is_refused(copy):
    (copy / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(UserError, match="no weights for its vae"):
        LatentDiffusion.load(str(copy))


def test_another_kind_of_pipeline_is_refused(copy):
    index = json.loads((copy / "model_index.json").read_text()) | {"_class_name": "FluxPipeline"}
    (copy / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match="FluxPipeline"):
        LatentDiffusion.load(str(copy))


def test_a_model_that_is_not_here_says_what_to_download_and_where_to():
    with pytest.raises(
        UserError,
        match=r"hf download nobody/nothing --include .* --local-dir weights/nothing.*model\.path=weights/nothing",
    ):
        locate("nobody/nothing")
    with pytest.raises(UserError, match=r"\./nothing does not exist"):
        locate("./nothing")


def test_the_digest_is_of_contents_and_not_of_place(sd15, copy, monkeypatch, tmp_path):
    monkeypatch.setenv("IMAGIC_BENCH_CACHE", str(tmp_path / "cache"))
    assert digest(sd15) == digest(copy) == digest(copy)
    (copy / "vae" / "config.json").write_text("{}")
    assert digest(sd15) != digest(copy)
