"""FLUX.1 folders in the true format, narrow and with random weights."""

from __future__ import annotations

import pytest
import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
from diffusers.pipelines.flux.pipeline_flux import calculate_shift
from transformers import AutoTokenizer, CLIPTextModel, CLIPTokenizer, T5Config, T5EncoderModel

from imagic.editor import Imagic
from imagic.models.flow import dynamic_shift
from imagic.models.flux import Flux, pack, positions, unpack
from imagic.models.sampling import ddim, guided
from imagic.models.weights import locate
from tedbench.errors import UserError
from tedbench.pair import EditPair, Entry

SIDE, STEPS, GUIDANCE, T5_TOKENS = 64, 4, 3.5, 12
TEXTS = ["A sitting dog.", "A cat on a box."]


def narrow_flux(path, text_config, distilled=True):
    """FLUX.1's own layout with few channels: 64² pictures, 8² latents of 16 channels, packed to 4² positions."""
    torch.manual_seed(0)
    tokenizer = CLIPTokenizer.from_pretrained(locate("picturebook:diffusion") / "tokenizer", model_max_length=77)
    tokenizer_2 = AutoTokenizer.from_pretrained(locate("picturebook:cascade/base") / "tokenizer")
    t5_config = T5Config(
        vocab_size=len(tokenizer_2), d_model=32, d_kv=8, d_ff=32, num_layers=2, num_heads=2, dropout_rate=0.0
    )
    FluxPipeline(
        vae=AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(4, 4, 4, 4),
            norm_num_groups=2,
            latent_channels=16,
            scaling_factor=0.3611,
            shift_factor=0.1159,
            use_quant_conv=False,
            use_post_quant_conv=False,
        ),
        text_encoder=CLIPTextModel(text_config(tokenizer, num_hidden_layers=2, hidden_size=24)),
        text_encoder_2=T5EncoderModel(t5_config),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer_2,
        transformer=FluxTransformer2DModel(
            in_channels=64,
            num_layers=1,
            num_single_layers=2,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            pooled_projection_dim=24,
            guidance_embeds=distilled,
            axes_dims_rope=(4, 6, 6),
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=distilled, shift=3.0 if distilled else 1.0),
    ).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def folder(text_config, tmp_path_factory):
    return narrow_flux(tmp_path_factory.mktemp("flux"), text_config)


@pytest.fixture(scope="module")
def model(folder):
    return Flux.load(str(folder), image_size=SIDE, t5_tokens=T5_TOKENS)


def noise(model):
    return torch.randn(2, *model.latent_shape, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("distilled", [True, False], ids=["dev", "schnell"])
def test_sampling_is_the_pipelines_own(text_config, tmp_path, distilled):
    """One call covers both encoders, packing, positions, the levels with their shift, and the guidance as an input."""
    path = narrow_flux(tmp_path / "flux", text_config, distilled)
    model, pipeline = Flux.load(str(path), image_size=SIDE, t5_tokens=T5_TOKENS), FluxPipeline.from_pretrained(path)
    pipeline.set_progress_bar_config(disable=True)
    x_T = noise(model)  # noqa: N806
    theirs = pipeline(
        TEXTS,
        latents=pack(x_T),
        height=SIDE,
        width=SIDE,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        max_sequence_length=T5_TOKENS,
        output_type="latent",
    ).images
    guidance = GUIDANCE if distilled else 1
    ours = ddim(model, x_T, model.encode_text(TEXTS), model.encode_text([""]), steps=STEPS, guidance=guidance)
    torch.testing.assert_close(pack(ours), theirs, atol=1e-5, rtol=1e-5)
    assert model.evaluations == 2 * STEPS  # one prediction an image and step


def test_latents_are_packed_in_the_pipelines_order(model):
    x = noise(model)
    theirs = FluxPipeline._pack_latents(x, *x.shape)
    assert torch.equal(pack(x), theirs) and torch.equal(unpack(theirs, 4, 4), x)
    assert torch.equal(positions(4, 6), FluxPipeline._prepare_latent_image_ids(1, 4, 6, "cpu", torch.float32))


@pytest.mark.parametrize("tokens", [16, 256, 1024, 4096])
def test_levels_are_shifted_by_the_number_of_packed_positions(folder, tokens):
    config = FlowMatchEulerDiscreteScheduler.load_config(folder / "scheduler")
    assert dynamic_shift(config, tokens) == calculate_shift(tokens)
    side = round(tokens**0.5) * 16
    levels = Flux.load(str(folder), image_size=side).process.schedule(4)
    scheduler = FlowMatchEulerDiscreteScheduler.from_config(config)
    scheduler.set_timesteps(sigmas=[1, 0.75, 0.5, 0.25], mu=calculate_shift(tokens))
    assert torch.equal(levels, scheduler.sigmas)
    assert Flux.levels(folder, {"image_size": side}, 4) == pytest.approx(levels.tolist(), abs=1e-6)


def test_no_guidance_is_the_embedding_of_1(model):
    x, t, text = noise(model), torch.tensor([0.4, 0.7]), model.encode_text(TEXTS)
    with torch.no_grad():
        alone = guided(model, x, t, text, text, 1)
        assert torch.equal(alone, guided(model, x, t, text, text, torch.tensor([1.0, 1.0])))
        both = guided(model, x, t, text, text, torch.tensor([1.0, 3.5]))
    assert torch.equal(alone[0], both[0]) and not torch.equal(alone[1], both[1])


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


def test_adapters_are_on_both_streams_and_gone_after_the_edit(folder, noise_image):
    model = Flux.load(str(folder), image_size=SIDE, t5_tokens=T5_TOKENS)
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    stage = {"steps": 1, "lr": 1e-2, "draws": 1}
    editor = Imagic(
        model,
        embedding=stage,
        finetune={**stage, "decay": 0.0, "empty": 0.0},
        sampling={"steps": STEPS, "guidance": GUIDANCE},
        variant={"finetune": "lora", "lora_rank": 2},
    )
    with editor.fit(EditPair(Entry("a.png", "A sitting dog."), noise_image(size=SIDE))):
        added = {name for name, _ in model.network.named_parameters() if "lora_B" in name}
        assert any("add_v_proj" in name for name in added) and any("single_" in name for name in added)
        trained = [value for name, value in model.network.named_parameters() if name in added]
        assert all(value.any() for value in trained)
    after = model.network.state_dict()
    assert after.keys() == before.keys() and all(torch.equal(after[name], before[name]) for name in before)


def test_weights_in_half_precision_train_adapters_in_float32_and_nothing_else(folder, noise_image):
    settings = {"image_size": SIDE, "t5_tokens": T5_TOKENS, "weights": "bfloat16"}
    model = Flux.load(str(folder), **settings, dtype="bfloat16", checkpointing=True)
    assert {value.dtype for value in model.network.parameters()} == {torch.bfloat16}
    assert model.text_encoder_2.dtype == torch.bfloat16 and model.vae.dtype == torch.float32
    assert model.encode_text(["A dog."]).tokens.dtype == torch.float32
    pair = EditPair(Entry("a.png", "A sitting dog."), noise_image(size=SIDE))
    stage = {"steps": 2, "lr": 1e-2, "draws": 1}
    stages = {
        "embedding": stage,
        "finetune": {**stage, "decay": 0.0, "empty": 0.0},
        "sampling": {"steps": 2, "guidance": 1},
    }
    lora = Imagic(model, **stages, variant={"finetune": "lora", "lora_rank": 2})
    weight = next(model.network.parameters())
    assert next(iter(lora.pretrained.state.values())).data_ptr() == weight.data_ptr()  # no second copy
    with lora.fit(pair) as edit:
        assert {v.dtype for n, v in model.network.named_parameters() if "lora_" in n} == {torch.float32}
        assert len(list(edit.sample([(1.0, 0)]))) == 1
    with pytest.raises(UserError, match="fine-tuning moves them by less than that"):
        Imagic(model, **stages)
    with pytest.raises(UserError, match=r"Give numerics\.dtype=bfloat16 too"):
        Flux.load(str(folder), **settings)
    with pytest.raises(UserError, match=r"model.weights is 'int8'"):
        Flux.load(str(folder), weights="int8")


def test_checkpointing_changes_no_gradient(folder):
    x, t, found = None, torch.tensor([0.4, 0.7]), []
    for checkpointing in (False, True):
        model = Flux.load(str(folder), image_size=SIDE, t5_tokens=T5_TOKENS, checkpointing=checkpointing)
        x = noise(model) if x is None else x
        text = model.encode_text(TEXTS).clone()
        text.tokens.requires_grad_()
        model.predict(x, t, text).square().sum().backward()
        found.append(text.tokens.grad)
    torch.testing.assert_close(*found)


def test_other_folders_and_sizes_are_refused(folder):
    with pytest.raises(UserError, match="StableDiffusionPipeline, which Flux cannot run"):
        Flux.load("picturebook:diffusion")
    with pytest.raises(UserError, match=r"cannot take pictures of 72².*multiple of 16"):
        Flux.load(str(folder), image_size=72)
