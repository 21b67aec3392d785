"""Low-rank adapters in place of full fine-tuning (Hu et al., arXiv 2106.09685), through peft."""

from __future__ import annotations

import torch
from diffusers import UNet2DConditionModel
from torch import nn

PROJECTIONS = ["to_q", "to_k", "to_v", "to_out.0"]
"""Of every attention, to itself and to the text."""


def add_adapters(network: UNet2DConditionModel, rank: int, rng: torch.Generator) -> None:
    """Adds adapters to the attention's projections; until they are trained they change nothing.

    Args:
        network: only its adapters will then require gradients.
        rank: of the adapters.
        rng: CPU generator from which they are drawn.
    """
    from peft import LoraConfig  # an extra, see imagic.variant

    config = LoraConfig(r=rank, lora_alpha=rank, init_lora_weights="gaussian", target_modules=PROJECTIONS)
    with torch.random.fork_rng(devices=[]):  # peft draws from the global generator
        torch.default_generator.manual_seed(int(torch.randint(2**31, (), generator=rng)))
        network.add_adapter(config)
    network.requires_grad_(False)


def adapter_parameters(network: nn.Module) -> list[nn.Parameter]:
    """What is trained of a network: its adapters, or all of it where it has none."""
    adapters = [value for name, value in network.named_parameters() if "lora_" in name]
    return adapters or list(network.parameters())


def remove_adapters(network: nn.Module) -> None:
    """Takes a UNet's adapters out again, where it has any; the weights below them are untouched."""
    if isinstance(network, UNet2DConditionModel) and getattr(network, "peft_config", None):
        network.unload_lora()
