"""Stable Diffusion XL folders in the true format, narrow and with random weights."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    EulerDiscreteScheduler,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from imagic.editor import Imagic
from imagic.models.latent import LatentDiffusion
from imagic.models.latent_xl import LatentDiffusionXL
from imagic.models.sampling import ddim
from imagic.models.weights import locate
from tedbench.errors import UserError
from tedbench.pair import EditPair, Entry

SIDE, STEPS, GUIDANCE = 64, 4, 5.0


def narrow_sdxl(path, text_config):
    """SDXL's own layout with few channels: 64² pictures, 8² latents."""
    torch.manual_seed(0)
    tokenizer = CLIPTokenizer.from_pretrained(locate("picturebook:diffusion") / "tokenizer", model_max_length=77)
    sizes = {"num_hidden_layers": 2, "projection_dim": 24}
    StableDiffusionXLPipeline(
        vae=AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(4, 4, 4, 4),
            norm_num_groups=2,
            scaling_factor=0.13025,
            force_upcast=False,
        ),
        text_encoder=CLIPTextModel(text_config(tokenizer, **sizes)),
        text_encoder_2=CLIPTextModelWithProjection(text_config(tokenizer, hidden_size=32, **sizes)),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=UNet2DConditionModel(
            sample_size=8,
            block_out_channels=(4, 8, 8),
            layers_per_block=1,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            transformer_layers_per_block=(1, 1, 2),
            cross_attention_dim=48,
            attention_head_dim=2,
            norm_num_groups=2,
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=24 + 6 * 8,
        ),
        scheduler=EulerDiscreteScheduler(
            beta_schedule="scaled_linear",
            beta_start=0.00085,
            beta_end=0.012,
            steps_offset=1,
            timestep_spacing="leading",  # as the published base model has it
        ),
    ).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def folder(text_config, tmp_path_factory):
    return narrow_sdxl(tmp_path_factory.mktemp("sdxl"), text_config)


@pytest.fixture(scope="module")
def model(folder):
    return LatentDiffusionXL.load(str(folder), image_size=SIDE)


def test_sampling_is_the_pipelines_own(folder, model):
    """One pipeline call covers both encoders, the pooled embedding, the sizes and the empty text."""
    pipeline = StableDiffusionXLPipeline.from_pretrained(folder, add_watermarker=False)
    pipeline.scheduler = DDIMScheduler.from_config(model.process.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    x_T = torch.randn(2, *model.latent_shape, generator=torch.Generator().manual_seed(3))  # noqa: N806
    texts = ["A sitting dog.", "A cat on a box."]
    theirs = pipeline(
        texts,
        latents=x_T,
        height=SIDE,
        width=SIDE,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        output_type="latent",
    ).images
    ours = ddim(model, x_T, model.encode_text(texts), model.encode_text([""]), steps=STEPS, guidance=GUIDANCE)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


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


def test_the_empty_text_is_zero_where_the_folder_says_so(folder, model, tmp_path):
    assert not any(part.any() for part in model.encode_text([""]).parameters())
    other = shutil.copytree(folder, tmp_path / "other")
    index = json.loads((other / "model_index.json").read_text()) | {"force_zeros_for_empty_prompt": False}
    (other / "model_index.json").write_text(json.dumps(index))
    assert LatentDiffusionXL.load(str(other)).encode_text([""]).tokens.any()


def test_each_pipeline_goes_to_its_own_class(folder):
    with pytest.raises(UserError, match="StableDiffusionXLPipeline, which LatentDiffusion cannot run"):
        LatentDiffusion.load(str(folder))
    with pytest.raises(UserError, match="StableDiffusionPipeline, which LatentDiffusionXL cannot run"):
        LatentDiffusionXL.load("picturebook:diffusion")


def test_both_text_encoders_in_half_precision_and_without_a_length_are_loaded(folder, tmp_path):
    copy, texts = shutil.copytree(folder, tmp_path / "xl"), ["A bird on the beach and " * 40, ""]
    for name in ("text_encoder", "text_encoder_2"):
        path = copy / name / "model.safetensors"
        halved = {key: value.half() if value.is_floating_point() else value for key, value in load_file(path).items()}
        save_file(halved, path.with_name("model.fp16.safetensors"), metadata={"format": "pt"})
        path.unlink()
    for name in ("tokenizer", "tokenizer_2"):
        path = copy / name / "tokenizer_config.json"
        path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "model_max_length"}))
    with pytest.warns(UserWarning, match="only fp16 weights of its text_encoder, text_encoder_2"):
        model = LatentDiffusionXL.load(str(copy))
    with pytest.warns(UserWarning, match="reads 77 tokens"):
        found, wanted = model.encode_text(texts), LatentDiffusionXL.load(str(folder)).encode_text(texts)
    torch.testing.assert_close(found.parameters(), wanted.parameters(), atol=2e-2, rtol=0)
