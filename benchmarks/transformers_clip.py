"""An open_clip model with its weights in transformers' CLIP, which torchmetrics scores with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from open_clip.tokenizer import SimpleTokenizer
from safetensors.torch import load_file
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer


def as_transformers(clip: Path) -> tuple[Any, Any]:
    """Convert an open_clip model and tokenizer to transformers' CLIP, which torchmetrics takes."""
    cfg = json.loads((clip / "open_clip_config.json").read_text())["model_cfg"]
    vision, text = cfg["vision_cfg"], cfg["text_cfg"]
    shared = {"projection_dim": cfg["embed_dim"], "hidden_act": "quick_gelu"}
    sizes = lambda part, heads: {
        "hidden_size": part["width"],
        "intermediate_size": 4 * part["width"],
        "num_hidden_layers": part["layers"],
        "num_attention_heads": heads,
    }
    image_size, patch = vision["image_size"], vision["patch_size"]
    theirs = CLIPModel(
        CLIPConfig(
            projection_dim=cfg["embed_dim"],
            vision_config={
                **sizes(vision, vision["width"] // vision.get("head_width", 64)),
                **shared,
                "image_size": image_size,
                "patch_size": patch,
            },
            text_config={**sizes(text, text["heads"]), **shared},
        )
    ).eval()
    theirs.load_state_dict(transformers_names(load_file(clip / "open_clip_model.safetensors")), strict=True)
    edge = {"size": {"shortest_edge": image_size}, "crop_size": {"height": image_size, "width": image_size}}
    return PooledFeatures(theirs), CLIPProcessor(CLIPImageProcessor(**edge), clip_tokenizer())


class PooledFeatures(torch.nn.Module):
    """An adapter for torchmetrics 1.9, which expects features alone where transformers 5 returns more."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model, self.config = model, model.config

    def get_image_features(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.model.get_image_features(pixels).pooler_output

    def get_text_features(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.model.get_text_features(ids, mask).pooler_output


def transformers_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return open_clip's weights under transformers' names."""
    found = {
        "logit_scale": state["logit_scale"],
        "text_projection.weight": state["text_projection"].T.contiguous(),
        "visual_projection.weight": state["visual.proj"].T.contiguous(),
        "text_model.embeddings.token_embedding.weight": state["token_embedding.weight"],
        "text_model.embeddings.position_embedding.weight": state["positional_embedding"],
        "vision_model.embeddings.class_embedding": state["visual.class_embedding"],
        "vision_model.embeddings.patch_embedding.weight": state["visual.conv1.weight"],
        "vision_model.embeddings.position_embedding.weight": state["visual.positional_embedding"],
    }
    for ours, theirs in (
        ("ln_final", "text_model.final_layer_norm"),
        ("visual.ln_pre", "vision_model.pre_layrnorm"),
        ("visual.ln_post", "vision_model.post_layernorm"),
    ):
        found |= {f"{theirs}.{kind}": state[f"{ours}.{kind}"] for kind in ("weight", "bias")}
    parts = {"ln_1": "layer_norm1", "ln_2": "layer_norm2", "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2"}
    parts["attn.out_proj"] = "self_attn.out_proj"
    for name, value in state.items():
        before, blocks, after = name.partition("transformer.resblocks.")
        if not blocks:
            continue
        layer, _, part = after.partition(".")
        prefix = f"{'vision' if before else 'text'}_model.encoder.layers.{layer}"
        part, _, kind = part.rpartition(".")
        if part == "attn":  # query, key and value in one
            for which, third in zip("qkv", value.chunk(3), strict=True):
                found[f"{prefix}.self_attn.{which}_proj.{kind.removeprefix('in_proj_')}"] = third
        else:
            found[f"{prefix}.{parts[part]}.{kind}"] = value
    return found


def clip_tokenizer() -> Any:
    """Return open_clip's vocabulary in transformers' tokenizer."""
    theirs = SimpleTokenizer()
    names = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    vocabulary = {names.get(word, word): number for word, number in theirs.encoder.items()}
    return CLIPTokenizer(vocab=vocabulary, merges=list(theirs.bpe_ranks))
