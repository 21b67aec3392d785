"""Low-rank adapters in place of full fine-tuning (Hu et al., arXiv 2106.09685), through peft."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.loaders import PeftAdapterMixin
from torch import nn

TEXT_PROJECTIONS = ["add_q_proj", "add_k_proj", "add_v_proj", "to_add_out"]
PROJECTIONS = ["to_q", "to_k", "to_v", "to_out.0"]
"""Modules with adapters: the projections of every attention, and in transformers those of the text's positions, too."""


def add_adapters(network: Any, rank: int, rng: torch.Generator) -> None:
    """Add adapters to the attention's projections; untrained they change nothing.

    Args:
        network: of diffusers; afterwards only its adapters require gradients.
        rank: of the adapters.
        rng: CPU generator for their initial weights.
    """
    from peft import LoraConfig  # an extra, see imagic.variant

    targets = PROJECTIONS if isinstance(network, UNet2DConditionModel) else [*PROJECTIONS, *TEXT_PROJECTIONS]
    config = LoraConfig(r=rank, lora_alpha=rank, init_lora_weights="gaussian", target_modules=targets)
    with torch.random.fork_rng(devices=[]):  # peft draws from the global generator
        torch.default_generator.manual_seed(int(torch.randint(2**31, (), generator=rng)))
        network.add_adapter(config)
    network.requires_grad_(False)
    for value in adapter_parameters(network):
        value.data = value.data.float()  # whatever the precision of the weights below


def adapter_parameters(network: nn.Module) -> list[nn.Parameter]:
    """Return a network's trainable parameters: its adapters, or all of them if it has none."""
    adapters = [value for name, value in network.named_parameters() if "lora_" in name]
    return adapters or list(network.parameters())


def remove_adapters(network: nn.Module) -> None:
    """Remove a network's adapters, if it has any; the weights below them do not change."""
    if isinstance(network, PeftAdapterMixin) and getattr(network, "peft_config", None):
        network.unload_lora()
