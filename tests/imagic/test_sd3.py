"""Stable Diffusion 3 folders in the true format, narrow and with random weights."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    FlowMatchEulerDiscreteScheduler,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
)
from transformers import AutoTokenizer, CLIPTextModelWithProjection, CLIPTokenizer, T5Config, T5EncoderModel

from imagic.editor import Imagic
from imagic.models.latent import LatentDiffusion
from imagic.models.sampling import ddim
from imagic.models.sd3 import StableDiffusion3
from imagic.models.weights import locate
from tedbench.errors import UserError
from tedbench.pair import EditPair, Entry

SIDE, STEPS, GUIDANCE, T5_TOKENS = 64, 4, 5.0, 12


def narrow_sd3(path, text_config, t5=True, **config):
    """SD 3's own layout with few channels: 64² pictures, 8² latents of 16 channels in 4² patches."""
    torch.manual_seed(0)
    tokenizer = CLIPTokenizer.from_pretrained(locate("picturebook:diffusion") / "tokenizer", model_max_length=77)
    tokenizer_3 = AutoTokenizer.from_pretrained(locate("picturebook:cascade/base") / "tokenizer")
    sizes = {"num_hidden_layers": 2, "projection_dim": 24}
    t5_config = T5Config(
        vocab_size=len(tokenizer_3), d_model=64, d_kv=8, d_ff=32, num_layers=2, num_heads=2, dropout_rate=0.0
    )
    settings = {
        "sample_size": 8,
        "patch_size": 2,
        "in_channels": 16,
        "num_layers": 2,
        "attention_head_dim": 8,
        "num_attention_heads": 4,
        "joint_attention_dim": 64,
        "caption_projection_dim": 32,
        "pooled_projection_dim": 48,
        "out_channels": 16,
        "pos_embed_max_size": 6,
    }
    StableDiffusion3Pipeline(
        vae=AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(4, 4, 4, 4),
            norm_num_groups=2,
            latent_channels=16,
            scaling_factor=1.5305,
            shift_factor=0.0609,
            use_quant_conv=False,
            use_post_quant_conv=False,
        ),
        text_encoder=CLIPTextModelWithProjection(text_config(tokenizer, **sizes)),
        text_encoder_2=CLIPTextModelWithProjection(text_config(tokenizer, hidden_size=32, **sizes)),
        text_encoder_3=T5EncoderModel(t5_config) if t5 else None,
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        tokenizer_3=tokenizer_3 if t5 else None,
        transformer=SD3Transformer2DModel(**{**settings, **config}),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    ).save_pretrained(path)
    return path


MEDIUM_35 = {"qk_norm": "rms_norm", "dual_attention_layers": (0,), "pos_embed_max_size": 12}
"""What SD 3.5 medium has besides."""


@pytest.fixture(scope="module")
def folder(text_config, tmp_path_factory):
    return narrow_sd3(tmp_path_factory.mktemp("sd3"), text_config)


@pytest.fixture(scope="module")
def model(folder):
    return StableDiffusion3.load(str(folder), t5_tokens=T5_TOKENS)


def noise(model, count=2):
    return torch.randn(count, *model.latent_shape, generator=torch.Generator().manual_seed(3))


def theirs(pipeline, x_T, texts, tokens, guidance=GUIDANCE):  # noqa: N803
    pipeline.set_progress_bar_config(disable=True)
    return pipeline(
        texts,
        latents=x_T,
        height=SIDE,
        width=SIDE,
        num_inference_steps=STEPS,
        guidance_scale=guidance,
        max_sequence_length=tokens,
        output_type="latent",
    ).images


def ours(model, x_T, texts, guidance=GUIDANCE):  # noqa: N803
    return ddim(model, x_T, model.encode_text(texts), model.encode_text([""]), steps=STEPS, guidance=guidance)


TEXTS = ["A sitting dog.", "A cat on a box."]


@pytest.mark.parametrize("config", [{}, MEDIUM_35], ids=["3", "3.5 medium"])
def test_sampling_is_the_pipelines_own(text_config, tmp_path, config):
    """One pipeline call covers the three encoders, the pooled embeddings, the time, and the levels with their shift."""
    path = narrow_sd3(tmp_path / "sd3", text_config, **config)
    model = StableDiffusion3.load(str(path), t5_tokens=T5_TOKENS)
    x_T = noise(model)  # noqa: N806
    wanted = theirs(StableDiffusion3Pipeline.from_pretrained(path), x_T, TEXTS, T5_TOKENS)
    torch.testing.assert_close(ours(model, x_T, TEXTS), wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("tokens", [0, T5_TOKENS])
def test_without_t5_its_tokens_are_the_pipelines_zeros_or_left_out(folder, tokens):
    model = StableDiffusion3.load(str(folder), t5=False, t5_tokens=tokens)
    x_T = noise(model)  # noqa: N806
    pipeline = StableDiffusion3Pipeline.from_pretrained(folder, text_encoder_3=None, tokenizer_3=None)
    torch.testing.assert_close(ours(model, x_T, TEXTS), theirs(pipeline, x_T, TEXTS, tokens), atol=1e-5, rtol=1e-5)


def test_the_embedded_flow_samples_as_its_pipeline_does():
    model = StableDiffusion3.load("picturebook:flow", t5=False, t5_tokens=0)
    x_T = noise(model)  # noqa: N806
    without = {"text_encoder_3": None, "tokenizer_3": None, "torch_dtype": torch.float32}
    pipeline = StableDiffusion3Pipeline.from_pretrained(locate("picturebook:flow"), **without)
    torch.testing.assert_close(ours(model, x_T, TEXTS), theirs(pipeline, x_T, TEXTS, 0), atol=1e-5, rtol=1e-5)


def test_a_folder_without_t5_is_loaded(text_config, tmp_path):
    path = narrow_sd3(tmp_path / "sd3", text_config, t5=False)
    model = StableDiffusion3.load(str(path))
    assert model.text_encoder_3 is None and model.encode_text(["A dog."]).tokens.shape == (1, 77 + 256, 64)


def test_latents_go_through_the_autoencoder_and_back_as_in_the_pipeline(folder, model, noise_image):
    image = noise_image(size=SIDE)
    pipeline = StableDiffusion3Pipeline.from_pretrained(folder)
    x0 = model.encode_image(image)
    config, x = pipeline.vae.config, torch.from_numpy(image).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        wanted = (pipeline.vae.encode(x).latent_dist.mean - config.shift_factor) * config.scaling_factor
        decoded = pipeline.vae.decode(wanted / config.scaling_factor + config.shift_factor).sample
    torch.testing.assert_close(x0, wanted)
    pixels = pipeline.image_processor.postprocess(decoded, output_type="np")
    assert abs(model.decode(x0).astype(int) - (pixels * 255).round().astype(int)).max() <= 1


def test_imagic_optimises_pooled_embedding_and_states_together(model, noise_image):
    stage = {"steps": 2, "lr": 1e-2, "draws": 1}
    editor = Imagic(
        model,
        embedding=stage,
        finetune={**stage, "decay": 0.0, "empty": 0.0},
        sampling={"steps": STEPS, "guidance": GUIDANCE},
    )
    with editor.fit(EditPair(Entry("a.png", "A sitting dog."), noise_image(size=SIDE))) as edit:
        states, pooled = (a != b for a, b in zip(edit.e_opt.parameters(), edit.e_tgt.parameters(), strict=True))
        assert states[0].any(dim=1).all() and pooled.all()
        start, end = (sample.image for sample in edit.sample([(0.0, 0), (1.0, 0)]))
    assert start.shape == (SIDE, SIDE, 3) and (start != end).any()


@pytest.mark.parametrize(("parts", "changed"), [("tokens", [True, False]), ("pooled", [False, True])])
def test_imagic_optimises_one_of_both_where_asked(model, noise_image, parts, changed):
    stage = {"steps": 2, "lr": 1e-2, "draws": 1}
    settings = {"embedding": stage, "finetune": {**stage, "steps": 0, "decay": 0.0, "empty": 0.0}}
    editor = Imagic(model, **settings, sampling={"steps": 2, "guidance": 1}, variant={"parts": parts})
    with editor.fit(EditPair(Entry("a.png", "A sitting dog."), noise_image(size=SIDE))) as edit:
        both = zip(edit.e_opt.parameters(), edit.e_tgt.parameters(), strict=True)
        assert [bool((a != b).any()) for a, b in both] == changed


@pytest.mark.parametrize("size", [None, 48])
def test_levels_in_a_runs_identity_are_those_of_its_sampling(folder, size):
    settings = {"image_size": size, "t5": False}
    levels = StableDiffusion3.load(str(folder), **settings).process.schedule(7).tolist()
    assert StableDiffusion3.levels(folder, settings, 7) == pytest.approx(levels, abs=1e-6)
    assert levels[-2] == pytest.approx(0.0089, abs=1e-4)  # shifted twice, as the pipeline's own: FLUX's would be 0.33


def test_words_are_found_in_the_tokens_of_both_kinds_of_encoders(model):
    text = "A sitting dog."
    dogs = [i for i, (start, end) in enumerate(model.spans(text)) if text[start:end].strip() == "dog"]
    assert len(model.spans(text)) == 77 + T5_TOKENS
    assert [i < 77 for i in dogs] == [True, False]


def test_other_folders_and_sizes_are_refused(folder, tmp_path):
    with pytest.raises(UserError, match="StableDiffusion3Pipeline, which LatentDiffusion cannot run"):
        LatentDiffusion.load(str(folder))
    with pytest.raises(UserError, match="StableDiffusionPipeline, which StableDiffusion3 cannot run"):
        StableDiffusion3.load("picturebook:diffusion")
    with pytest.raises(UserError, match=r"cannot take pictures of 128².*at most 96"):
        StableDiffusion3.load(str(folder), image_size=128)
    with pytest.raises(UserError, match=r"cannot take pictures of 72².*multiple of 16"):
        StableDiffusion3.load(str(folder), image_size=72)
    with pytest.raises(UserError, match=r"model\.density"):
        StableDiffusion3.load(str(folder), density="mode")
    copy = shutil.copytree(folder, tmp_path / "sd3")
    config = json.loads((copy / "transformer" / "config.json").read_text()) | {"in_channels": 33}
    (copy / "transformer" / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="takes 33 channels and gives 16"):
        StableDiffusion3.load(str(copy))
