"""Tiny diffusers editing pipelines with random weights, saved as complete folders of the classes that the true ones have.

Vocabularies are trained on the pipelines' own templates, so that those take about as many tokens as with the true tokenizers.
"""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

SIDES: dict[str, int] = {
    "cosxl": 32,
    "kontext": 64,
    "flux2": 64,
    "flux2_klein": 64,
    "qwen_edit": 64,
    "longcat": 64,
    "omnigen": 32,
    "leditspp": 32,
}
"""Side of the square input with which a call is cheap and valid."""
CALLS: dict[str, dict[str, Any]] = {
    "cosxl": {"num_inference_steps": 2},
    "kontext": {"num_inference_steps": 2, "height": 64, "width": 64, "max_area": 64 * 64, "_auto_resize": False},
    "flux2": {"num_inference_steps": 2, "text_encoder_out_layers": [1, 2, 3]},
    "flux2_klein": {"num_inference_steps": 2, "guidance_scale": 1.0, "text_encoder_out_layers": [1, 2, 3]},
    "qwen_edit": {"num_inference_steps": 2, "negative_prompt": " ", "height": 64, "width": 64},
    "longcat": {"num_inference_steps": 2},
    "omnigen": {"num_inference_steps": 2, "use_input_image_size_as_output": True},
    "leditspp": {"edit_guidance_scale": 5.0, "edit_threshold": 0.5},
}
"""Arguments of the call beside image, text and generator."""
INVERTS: dict[str, dict[str, Any]] = {"leditspp": {"num_inversion_steps": 4, "skip": 0.25}}
"""Arguments of ``invert`` beside image and generator, for the pipeline that takes the image there."""
NAMES = tuple(SIDES)

QWEN_SPECIALS = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    *("<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"),
    *("<think>", "</think>"),
)
MISTRAL_SPECIALS = (
    *("<unk>", "<s>", "</s>", "<pad>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"),
    *("[IMG]", "[IMG_BREAK]", "[IMG_END]"),
)
OMNIGEN_SPECIALS = ("<|endoftext|>", "<|user|>", "<|end|>", "<|assistant|>", "<|diffusion|>", "<img>", "</img>")
QWEN_CHAT = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
MISTRAL_CHAT = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message.role == 'system' %}[SYSTEM_PROMPT]{% else %}[INST]{% endif %}"
    "{% for part in message.content %}{% if part.type == 'image' %}[IMG]{% else %}{{ part.text }}{% endif %}{% endfor %}"
    "{% if message.role == 'system' %}[/SYSTEM_PROMPT]{% else %}[/INST]{% endif %}{% endfor %}"
)
QWEN_SYSTEM = (
    "Describe the key features of the input image (color, shape, size, texture, objects, background), then explain how "
    "the user's text instruction should alter or modify the image. Generate a new image that meets the user's "
    "requirements while maintaining consistency with the original input where appropriate."
)
"""Of Qwen-Image-Edit, which drops the 64 tokens of its template up to the user's turn."""
LONGCAT_SYSTEM = (
    "As an image editing expert, first analyze the content and attributes of the input image(s). Then, based on the "
    "user's editing instructions, clearly and precisely determine how to modify the given image(s), ensuring that only "
    "the specified parts are altered and all other aspects remain consistent with the original(s)."
)


def save(key: str, folder: Path) -> Path:
    """Build a pipeline, always the same, and save it.

    Args:
        key: one of :data:`NAMES`.
        folder: written.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pipeline = BUILDERS[key]()
        for part in pipeline.components.values():
            if isinstance(part, torch.nn.Module):
                _redraw(part)
    pipeline.save_pretrained(folder)
    return folder


def cosxl() -> Any:
    """Return CosXL Edit: 32² pictures, 16² latents."""
    from diffusers import EDMEulerScheduler, StableDiffusionXLInstructPix2PixPipeline, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    from tests.conftest import tiny_text_config

    tokenizer = _clip_tokenizer()
    pipeline = StableDiffusionXLInstructPix2PixPipeline(
        vae=_autoencoder(2, 4, sample_size=32, scaling_factor=0.13025),
        text_encoder=CLIPTextModel(tiny_text_config(tokenizer, num_hidden_layers=2)),
        text_encoder_2=CLIPTextModelWithProjection(
            tiny_text_config(tokenizer, num_hidden_layers=2, hidden_size=24, projection_dim=24)
        ),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=UNet2DConditionModel(
            sample_size=16,
            in_channels=8,
            block_out_channels=(8, 16),
            layers_per_block=1,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=16 + 24,
            attention_head_dim=2,
            norm_num_groups=4,
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=6 * 8 + 24,
        ),
        scheduler=EDMEulerScheduler(
            sigma_min=0.002,
            sigma_max=120.0,
            sigma_data=1.0,
            prediction_type="v_prediction",
            sigma_schedule="exponential",
        ),
        is_cosxl_edit=True,
    )
    pipeline.register_to_config(is_cosxl_edit=True)  # which its constructor leaves out
    return pipeline


def kontext() -> Any:
    """Return FLUX.1 Kontext: 64² pictures, 8² latents, packed to 4² positions."""
    from diffusers import FluxKontextPipeline, FluxTransformer2DModel
    from transformers import CLIPTextModel, T5Config, T5EncoderModel

    from tests.conftest import tiny_text_config

    tokenizer, tokenizer_2 = _clip_tokenizer(), _t5_tokenizer()
    t5_config = T5Config(
        vocab_size=len(tokenizer_2), d_model=32, d_kv=8, d_ff=32, num_layers=2, num_heads=2, dropout_rate=0.0
    )
    return FluxKontextPipeline(
        scheduler=_flow_scheduler(shift=3.0),
        vae=_autoencoder(4, 16),
        text_encoder=CLIPTextModel(tiny_text_config(tokenizer, num_hidden_layers=2, hidden_size=24)),
        tokenizer=tokenizer,
        text_encoder_2=T5EncoderModel(t5_config),
        tokenizer_2=tokenizer_2,
        transformer=FluxTransformer2DModel(
            in_channels=64,
            num_layers=1,
            num_single_layers=2,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            pooled_projection_dim=24,
            guidance_embeds=True,
            axes_dims_rope=(4, 6, 6),
        ),
    )


def flux2() -> Any:
    """Return FLUX.2 [dev]: 64² pictures, the smallest that it takes."""
    from diffusers import Flux2Pipeline
    from transformers import (
        Mistral3Config,
        Mistral3ForConditionalGeneration,
        PixtralImageProcessor,
        PixtralProcessor,
        PreTrainedTokenizerFast,
    )

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_byte_level(MISTRAL_SPECIALS),
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        extra_special_tokens=list(MISTRAL_SPECIALS[4:]),
        padding_side="left",
        model_max_length=4096,
    )
    images = PixtralImageProcessor(patch_size={"height": 8, "width": 8}, size={"longest_edge": 64})
    processor = PixtralProcessor(images, tokenizer, patch_size=8, spatial_merge_size=2, chat_template=MISTRAL_CHAT)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "head_dim": 8}
    config = Mistral3Config(
        text_config={
            "model_type": "mistral",
            "vocab_size": len(tokenizer),
            "num_hidden_layers": 3,
            "num_key_value_heads": 1,
            "max_position_embeddings": 4096,
            "sliding_window": None,
            **{f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")},
            **sizes,
        },
        vision_config={"model_type": "pixtral", "num_hidden_layers": 1, "image_size": 64, "patch_size": 8, **sizes},
        image_token_index=processor.image_token_id,
    )
    return Flux2Pipeline(
        scheduler=_flow_scheduler(shift=3.0),
        vae=_flux2_autoencoder(),
        text_encoder=Mistral3ForConditionalGeneration(config),
        tokenizer=processor,
        transformer=_flux2_transformer(joint_attention_dim=3 * 16, guidance_embeds=True),
    )


def flux2_klein() -> Any:
    """Return FLUX.2 [klein]: 64² pictures, the smallest that it takes."""
    from diffusers import Flux2KleinPipeline
    from transformers import Qwen3Config, Qwen3ForCausalLM

    tokenizer = _qwen_tokenizer()
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        max_position_embeddings=4096,
        bos_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return Flux2KleinPipeline(
        scheduler=_flow_scheduler(shift=3.0),
        vae=_flux2_autoencoder(),
        text_encoder=Qwen3ForCausalLM(config),
        tokenizer=tokenizer,
        transformer=_flux2_transformer(joint_attention_dim=3 * 16, guidance_embeds=False),
        is_distilled=True,
    )


def qwen_edit() -> Any:
    """Return Qwen-Image-Edit-Plus: it encodes any picture at 1024², here 32² latents, packed to 16² positions."""
    from diffusers import AutoencoderKLQwenImage, QwenImageEditPlusPipeline, QwenImageTransformer2DModel

    tokenizer = _qwen_tokenizer()
    return QwenImageEditPlusPipeline(
        scheduler=_flow_scheduler(shift=1.0, max_image_seq_len=8192, max_shift=0.9, shift_terminal=0.02),
        vae=AutoencoderKLQwenImage(
            base_dim=4,
            z_dim=4,
            dim_mult=[1] * 6,
            num_res_blocks=0,
            temperal_downsample=[False, True, True, False, False],
            latents_mean=[-0.2, 0.1, 0.0, 0.3],
            latents_std=[1.1, 0.9, 1.2, 0.8],
        ),
        text_encoder=_qwen_vl(tokenizer),
        tokenizer=tokenizer,
        processor=_qwen_processor(tokenizer),
        transformer=QwenImageTransformer2DModel(
            in_channels=16,
            out_channels=4,
            num_layers=2,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            axes_dims_rope=(4, 6, 6),
        ),
    )


def longcat() -> Any:
    """Return LongCat-Image-Edit: it edits any picture at 1024², here 32² latents, packed to 16² positions."""
    from diffusers import LongCatImageEditPipeline, LongCatImageTransformer2DModel

    tokenizer = _qwen_tokenizer()
    return LongCatImageEditPipeline(
        scheduler=_flow_scheduler(shift=3.0),
        vae=_autoencoder(6, 16, width=2),
        text_encoder=_qwen_vl(tokenizer),
        tokenizer=tokenizer,
        text_processor=_qwen_processor(tokenizer),
        transformer=LongCatImageTransformer2DModel(
            in_channels=64,
            num_layers=1,
            num_single_layers=2,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            pooled_projection_dim=32,
            axes_dims_rope=[4, 6, 6],
        ),
    )


def omnigen() -> Any:
    """Return OmniGen: 32² pictures, 4² latents in 2² patches; at most 256²."""
    from diffusers import FlowMatchEulerDiscreteScheduler, OmniGenPipeline, OmniGenTransformer2DModel

    tokenizer = _llama_tokenizer()
    return OmniGenPipeline(
        transformer=OmniGenTransformer2DModel(
            hidden_size=32,
            num_attention_heads=2,
            num_key_value_heads=2,
            intermediate_size=64,
            num_layers=2,
            pad_token_id=tokenizer.pad_token_id,
            vocab_size=len(tokenizer),
            max_position_embeddings=4096,
            rope_scaling={"type": "su", "short_factor": [1.0] * 8, "long_factor": [1.0] * 8},
            pos_embed_max_size=16,
            time_step_dim=32,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(invert_sigmas=True, num_train_timesteps=1),
        vae=_autoencoder(4, 4, scaling_factor=0.13025, shift_factor=None),
        tokenizer=tokenizer,
    )


def leditspp() -> Any:
    """Return LEDITS++ on Stable Diffusion: 32² pictures, 16² latents, cross-attention on 4²."""
    from diffusers import DPMSolverMultistepScheduler, LEditsPPPipelineStableDiffusion, UNet2DConditionModel
    from transformers import CLIPTextModel

    from tests.conftest import tiny_text_config

    tokenizer = _clip_tokenizer()
    return LEditsPPPipelineStableDiffusion(
        vae=_autoencoder(2, 4, sample_size=32, scaling_factor=0.18215, shift_factor=None),
        text_encoder=CLIPTextModel(tiny_text_config(tokenizer, num_hidden_layers=2)),
        tokenizer=tokenizer,
        unet=UNet2DConditionModel(
            sample_size=16,
            block_out_channels=(8, 8, 16),
            layers_per_block=1,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=16,
            attention_head_dim=2,
            norm_num_groups=4,
        ),
        scheduler=DPMSolverMultistepScheduler(
            beta_schedule="scaled_linear",
            beta_start=0.00085,
            beta_end=0.012,
            algorithm_type="sde-dpmsolver++",
            solver_order=2,
            steps_offset=1,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


BUILDERS = {
    "cosxl": cosxl,
    "kontext": kontext,
    "flux2": flux2,
    "flux2_klein": flux2_klein,
    "qwen_edit": qwen_edit,
    "longcat": longcat,
    "omnigen": omnigen,
    "leditspp": leditspp,
}


def _redraw(model: Any) -> None:
    """Draw every matrix and kernel so that it keeps its input's scale: no input is lost among small or zero weights.

    Attention is sharpened, or the few tokens of an image would be lost among the hundreds of a padded text.
    """
    import torch

    for name, parameter in model.named_parameters():
        sharper = 4.0 if any(part in name for part in ("to_q.", "norm_q.", "norm_added_q.")) else 1.0
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=sharper * parameter[0].numel() ** -0.5)
        elif "norm" in name and sharper > 1:
            torch.nn.init.constant_(parameter, sharper)


def _autoencoder(levels: int, channels: int, width: int = 4, **settings: Any) -> Any:
    from diffusers import AutoencoderKL

    flux = {"scaling_factor": 0.3611, "shift_factor": 0.1159}
    return AutoencoderKL(**_levels(levels, width), latent_channels=channels, **{**flux, **settings})


def _flux2_autoencoder() -> Any:
    from diffusers import AutoencoderKLFlux2

    return AutoencoderKLFlux2(**_levels(4, 4), latent_channels=8)


def _levels(count: int, width: int) -> dict[str, Any]:
    return {
        "down_block_types": ("DownEncoderBlock2D",) * count,
        "up_block_types": ("UpDecoderBlock2D",) * count,
        "block_out_channels": (width,) * count,
        "layers_per_block": 1,
        "norm_num_groups": 2,
    }


def _flux2_transformer(**settings: Any) -> Any:
    from diffusers import Flux2Transformer2DModel

    return Flux2Transformer2DModel(
        in_channels=32,
        num_layers=1,
        num_single_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        timestep_guidance_channels=32,
        axes_dims_rope=(4, 4, 4, 4),
        **settings,
    )


def _flow_scheduler(**settings: Any) -> Any:
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, **settings)


def _clip_tokenizer() -> Any:
    from transformers import CLIPTokenizer

    from imagic.models.weights import locate

    return CLIPTokenizer.from_pretrained(locate("picturebook:diffusion") / "tokenizer", model_max_length=77)


def _t5_tokenizer() -> Any:
    from transformers import T5Tokenizer

    specials = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    signs = ["▁", *string.ascii_letters, *string.digits, *string.punctuation]
    return T5Tokenizer(vocab=[*specials, *((sign, -2.0) for sign in signs)], extra_ids=0, model_max_length=512)


def _byte_level(specials: tuple[str, ...] = ()) -> Any:
    """The library's own tokenizer on bytes, in which every word of the templates is one token."""
    from diffusers.pipelines.flux2.system_messages import SYSTEM_MESSAGE
    from tokenizers.pre_tokenizers import ByteLevel
    from tokenizers.trainers import BpeTrainer
    from transformers import Qwen2Tokenizer

    tokenizer = Qwen2Tokenizer().backend_tokenizer  # for its way of splitting into words
    trainer = BpeTrainer(
        vocab_size=4096,
        initial_alphabet=ByteLevel.alphabet(),
        special_tokens=list(specials),
        show_progress=False,
    )
    tokenizer.train_from_iterator([QWEN_SYSTEM, LONGCAT_SYSTEM, SYSTEM_MESSAGE, "system\nuser\nassistant\n"], trainer)
    return tokenizer


def _qwen_tokenizer() -> Any:
    from transformers import Qwen2Tokenizer

    model = json.loads(_byte_level().to_str())["model"]
    return Qwen2Tokenizer(
        vocab=model["vocab"],
        merges=[tuple(pair) for pair in model["merges"]],
        eos_token="<|im_end|>",
        extra_special_tokens=list(QWEN_SPECIALS),
        chat_template=QWEN_CHAT,
        model_max_length=4096,
    )


def _llama_tokenizer() -> Any:
    from transformers import LlamaTokenizer

    known = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁"]
    return LlamaTokenizer(
        vocab={token: number for number, token in enumerate(known)},
        merges=[],
        add_bos_token=True,
        pad_token="<|endoftext|>",
        extra_special_tokens=list(OMNIGEN_SPECIALS),
        model_max_length=4096,
    )


def _qwen_processor(tokenizer: Any) -> Any:
    from transformers import Qwen2VLImageProcessor, Qwen2VLProcessor, Qwen2VLVideoProcessor

    pixels = {"shortest_edge": 56 * 56, "longest_edge": 112 * 112}
    parts = Qwen2VLImageProcessor(size=pixels), tokenizer, Qwen2VLVideoProcessor(size=pixels)
    return Qwen2VLProcessor(*parts, chat_template=QWEN_CHAT)


def _qwen_vl(tokenizer: Any) -> Any:
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    ids = dict(zip(QWEN_SPECIALS, tokenizer.convert_tokens_to_ids(list(QWEN_SPECIALS)), strict=True))
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 32,
            "intermediate_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "max_position_embeddings": 4096,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0, "mrope_section": [2, 3, 3]},
            "bos_token_id": ids["<|endoftext|>"],
            "eos_token_id": ids["<|im_end|>"],
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 32,
            "num_heads": 2,
            "out_hidden_size": 32,
            "fullatt_block_indexes": [1],
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )
    return Qwen2_5_VLForConditionalGeneration(config)
