"""DeepFloyd-IF folders in the true format, narrow and with random weights."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DDPMScheduler,
    IFPipeline,
    IFSuperResolutionPipeline,
    StableDiffusionUpscalePipeline,
    UNet2DConditionModel,
)
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel, CLIPTokenizer, T5Config, T5EncoderModel

from baselines.ddib import DDIB
from baselines.sdedit import SDEdit
from imagic.editor import Imagic
from imagic.models.cascade import Cascade
from imagic.models.sampling import ddim
from imagic.models.weights import locate
from tedbench.errors import UserError
from tedbench.method import grid
from tedbench.pair import EditPair, Entry

UPSCALING = {"steps": 3, "guidance": 4.0, "noise_level": 250}
STAGE = {"steps": 2, "lr": 1e-2, "draws": 2}
FINETUNE = {**STAGE, "decay": 0.0, "empty": 0.0}
SAMPLING = {"steps": 3, "guidance": 3.0}
SCHEDULE = {
    "beta_schedule": "squaredcos_cap_v2",
    "variance_type": "learned_range",
    "thresholding": True,
    "dynamic_thresholding_ratio": 0.95,
    "sample_max_value": 1.5,
}


def tokenizer():
    return CLIPTokenizer.from_pretrained(locate("picturebook:diffusion") / "tokenizer", model_max_length=77)


def narrow_unet(side, in_channels, **more):
    """IF's kind of network: blocks with attention to added text states, 6 channels out."""
    return UNet2DConditionModel(
        sample_size=side,
        in_channels=in_channels,
        out_channels=6,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        cross_attention_dim=16,
        encoder_hid_dim=16,
        attention_head_dim=4,
        norm_num_groups=4,
        resnet_time_scale_shift="scale_shift",
        act_fn="gelu",
        **more,
    )


@pytest.fixture(scope="module")
def folders(text_config, tmp_path_factory):
    """Of the base model (8²), the upscaler (16²) and the last one (×2 here, by one level of its autoencoder)."""
    torch.manual_seed(0)
    paths = [tmp_path_factory.mktemp("if") / name for name in ("base", "upscaler", "last")]
    words = tokenizer()
    texts = T5EncoderModel(
        T5Config(
            vocab_size=len(words), d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, is_encoder_decoder=False
        )
    )
    without = {"safety_checker": None, "feature_extractor": None, "watermarker": None, "requires_safety_checker": False}
    scheduler = DDPMScheduler(**SCHEDULE)
    IFPipeline(words, texts, narrow_unet(8, 3), scheduler, **without).save_pretrained(paths[0])
    IFSuperResolutionPipeline(
        words,
        texts,
        narrow_unet(16, 6, class_embed_type="timestep"),
        scheduler,
        DDPMScheduler(beta_schedule="squaredcos_cap_v2"),
        **without,
    ).save_pretrained(paths[1])
    StableDiffusionUpscalePipeline(
        vae=AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            block_out_channels=(4, 4),
            norm_num_groups=2,
        ),
        text_encoder=CLIPTextModel(text_config(words)),
        tokenizer=words,
        unet=UNet2DConditionModel(
            sample_size=16,
            in_channels=7,
            block_out_channels=(8, 16),
            layers_per_block=1,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=16,
            attention_head_dim=2,
            norm_num_groups=4,
            num_class_embeds=1000,
        ),
        low_res_scheduler=DDPMScheduler(),
        scheduler=DDIMScheduler(clip_sample=False),
    ).save_pretrained(paths[2])
    return [str(path) for path in paths]


@pytest.fixture
def model(folders):
    return Cascade.load(*folders[:2], upscaling=UPSCALING, name="narrow")


@pytest.fixture
def pair(noise_image):
    return EditPair(Entry("a.png", "A sitting dog."), noise_image(size=16))


def imagic(model, **changes):
    return Imagic(
        model, **{"embedding": STAGE, "finetune": FINETUNE, "upscaler": STAGE, "sampling": SAMPLING, **changes}
    )


def test_both_stages_sample_as_the_pipelines_do(folders, model):
    def ready(kind, folder):
        pipeline = kind.from_pretrained(folder)
        config = {**pipeline.scheduler.config, "variance_type": "fixed_small"}
        pipeline.scheduler = DDIMScheduler.from_config(config)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    text = "A Sitting dog."
    x_T = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(1))  # noqa: N806
    e, e_null = model.encode_text([text]), model.encode_text([""])
    small = ddim(model, x_T, e, e_null, steps=3, guidance=7.0)
    theirs = ready(IFPipeline, folders[0])(
        text,
        num_inference_steps=3,
        guidance_scale=7.0,
        height=8,
        width=8,
        generator=torch.Generator().manual_seed(1),
        output_type="pt",
        clean_caption=False,
    ).images
    torch.testing.assert_close(small, theirs, atol=1e-4, rtol=1e-4)
    large = model.upscaler(small.clamp(-1, 1), e, e_null, [torch.Generator().manual_seed(2)])
    theirs = ready(IFSuperResolutionPipeline, folders[1])(
        text,
        image=small.clamp(-1, 1),
        num_inference_steps=UPSCALING["steps"],
        guidance_scale=UPSCALING["guidance"],
        noise_level=UPSCALING["noise_level"],
        height=16,
        width=16,
        generator=torch.Generator().manual_seed(2),
        output_type="pt",
        clean_caption=False,
    ).images
    torch.testing.assert_close(large, theirs.clamp(-1, 1), atol=1e-4, rtol=1e-4)


def test_imagic_finetunes_base_and_upscaler_and_puts_both_back(model, pair):
    networks = [model.network, model.upscaler.network]
    before = [{k: v.clone() for k, v in network.state_dict().items()} for network in networks]

    def changed(network, old):
        return any(not torch.equal(v, old[k]) for k, v in network.state_dict().items())

    with imagic(model).fit(pair) as edit:
        assert all(changed(*both) for both in zip(networks, before, strict=True))
        images = [sample.image for sample in edit.sample(grid([0.0, 1.0], [0, 1]))]
    assert not any(changed(*both) for both in zip(networks, before, strict=True))
    assert {image.shape for image in images} == {(16, 16, 3)}
    assert len({image.tobytes() for image in images}) == 4


def test_without_steps_the_upscaler_stays_as_pretrained(model, pair):
    before = {k: v.clone() for k, v in model.upscaler.network.state_dict().items()}
    with imagic(model, upscaler={**STAGE, "steps": 0}).fit(pair):
        assert all(torch.equal(v, before[k]) for k, v in model.upscaler.network.state_dict().items())


def test_a_batch_of_edits_is_each_edit_alone(model, pair):
    requests = grid([0.0, 0.7], [0, 1])
    with imagic(model, sample_batch=4).fit(pair) as edit:
        together = [sample.image.astype(int) for sample in edit.sample(requests)]
    with imagic(model, sample_batch=1).fit(pair) as edit:
        alone = [sample.image.astype(int) for sample in edit.sample(requests)]
    assert max(np.abs(a - b).max() for a, b in zip(together, alone, strict=True)) <= 1


@pytest.mark.parametrize("method", [SDEdit, DDIB])
def test_baselines_edit_the_small_picture(model, method, noise_image):
    sampling = {"steps": 3, "guidance": 3.0} if method is SDEdit else {"steps": 3}
    editor = method(model, sampling=sampling)
    pair = EditPair(Entry("a.png", "A sitting dog.", source_text="A dog."), noise_image(size=16))
    with editor.fit(pair) as edit:
        first, last = (
            next(iter(edit.sample([(strength, 0)]))).image for strength in (editor.axis.grid[0], editor.axis.grid[-1])
        )
    assert first.shape == (16, 16, 3) and (first != last).any()


def test_a_last_upscaler_enlarges_once_more_and_follows_the_seed(folders, noise_image):
    model = Cascade.load(*folders, upscaling=UPSCALING, last_upscaling={**UPSCALING, "noise_level": 20}, name="narrow")
    assert model.image_size == 32
    x0 = model.encode_image(noise_image(size=32))

    def made(seed):
        return model.decode(x0, model.encode_text(["A dog."]), [torch.Generator().manual_seed(seed)])[0]

    assert made(1).shape == (32, 32, 3)
    assert (made(1) == made(1)).all() and (made(1) != made(2)).any()


def test_a_cascade_needs_no_name(folders):
    assert Cascade.load(*folders[:2], upscaling=UPSCALING).name == "custom"


def test_wrong_folders_and_sizes_are_told(folders):
    with pytest.raises(UserError, match=r"Give model\.path a folder of IFPipeline"):
        Cascade.load(folders[1], folders[1], upscaling=UPSCALING, name="narrow")
    with pytest.raises(UserError, match=r"model\.image_size=16"):
        Cascade.load(*folders[:2], upscaling=UPSCALING, name="narrow", image_size=64)
    with pytest.raises(UserError, match=r"model\.text_length is 0"):
        Cascade.load(*folders[:2], upscaling=UPSCALING, name="narrow", text_length=0)
    with pytest.raises(UserError, match="noise_level"):
        Cascade.load(*folders[:2], upscaling={"steps": 3, "guidance": 1.0}, name="narrow")
    many = {**UPSCALING, "steps": 2000}
    with pytest.raises(UserError, match=r"1000 timesteps\. Give model\.upscaling\.steps no more"):
        Cascade.load(*folders[:2], upscaling=many, name="narrow")
    with pytest.raises(UserError, match=r"1000 timesteps\. Give model\.last_upscaling\.steps no more"):
        Cascade.load(*folders, upscaling=UPSCALING, last_upscaling=many, name="narrow")


def test_embeddings_of_two_pairs_at_once_are_those_of_each_alone(model, noise_image):
    pairs = [EditPair(Entry(f"{text}.png", text), noise_image(k)) for k, text in enumerate(("A bird.", "A red tree."))]
    together = imagic(model, fit_group=2).fit_many(pairs)
    for pair in pairs:
        with imagic(model).fit(pair) as edit:
            torch.testing.assert_close(together[pair.id].tokens, edit.e_opt.tokens, rtol=0, atol=1e-5)
            assert (edit.e_opt.tokens - edit.e_tgt.tokens).abs().max() > 1e-3


def test_a_last_upscaler_in_half_precision_and_without_a_length_is_loaded(folders, tmp_path, noise_image):
    last = shutil.copytree(folders[2], tmp_path / "last")
    for name in ("unet/diffusion_pytorch_model", "text_encoder/model"):
        path = last / f"{name}.safetensors"
        halved = {key: value.half() if value.is_floating_point() else value for key, value in load_file(path).items()}
        save_file(halved, last / f"{name}.fp16.safetensors", metadata={"format": "pt"})
        path.unlink()
    path = last / "tokenizer" / "tokenizer_config.json"
    path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "model_max_length"}))
    settings = {"upscaling": UPSCALING, "last_upscaling": {**UPSCALING, "noise_level": 20}}
    with pytest.warns(UserWarning, match="only fp16 weights of its text_encoder, unet"):
        model = Cascade.load(*folders[:2], str(last), **settings)
    x0 = model.encode_image(noise_image(size=32))
    made, whole = (
        each.decode(x0, each.encode_text(["A dog."]), [torch.Generator().manual_seed(0)])[0].astype(int)
        for each in (model, Cascade.load(*folders, **settings))
    )
    assert np.abs(made - whole).max() < 16
    (last / "unet" / "config.json").write_text(
        (last / "unet" / "config.json").read_text().replace('"in_channels": 7', '"in_channels": 8')
    )
    with pytest.raises(UserError, match=r"takes 8 channels .*model\.last_path"):
        Cascade.load(*folders[:2], str(last), **settings)
