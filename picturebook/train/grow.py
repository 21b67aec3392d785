"""Deeper UNets that begin as an exact copy of a shallower one, so that a training can go on with more layers."""

from __future__ import annotations

import re
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

_LAYER = re.compile(r"((?:down|up)_blocks)\.(\d+)\.(resnets|attentions)\.(\d+)\.(.+)")


@torch.no_grad()
def grow(small: UNet2DConditionModel, large: UNet2DConditionModel) -> None:
    """Initialise ``large`` so that it computes what ``small`` computes.

    The layers of a block of ``small`` keep their place from the input on; the last layer of an up block, which takes
    the output of the level before, stays the last. Every added layer is made an identity: its second convolution is 0,
    and so are the biases and the part of its shortcut that reads the skip connection.

    Args:
        small: a trained UNet.
        large: a UNet with the same channels, and as many or more layers in each block.

    Raises:
        ValueError: if the UNets differ in more than the number of layers.
    """
    before = {"down_blocks": _layers(small.down_blocks), "up_blocks": _layers(small.up_blocks)}
    after = {"down_blocks": _layers(large.down_blocks), "up_blocks": _layers(large.up_blocks)}
    target = large.state_dict()
    copied: dict[str, Tensor] = {}
    for name, value in small.state_dict().items():
        grown = name
        if found := _LAYER.fullmatch(name):
            side, block, part, layer, rest = found.groups()
            last = side == "up_blocks" and int(layer) == before[side][int(block)] - 1
            grown = f"{side}.{block}.{part}.{after[side][int(block)] - 1 if last else layer}.{rest}"
        if grown not in target or target[grown].shape != value.shape:
            raise ValueError(f"{name}: the UNets differ in more than their number of layers")
        copied[grown] = value
    large.load_state_dict(copied, strict=False)
    added = {match.group(0)[: match.start(5) - 1] for n in target if n not in copied and (match := _LAYER.fullmatch(n))}
    for name in added:
        _make_identity(large.get_submodule(name))


def _layers(blocks: Any) -> list[int]:
    return [len(block.resnets) for block in blocks]


def _make_identity(layer: Any) -> None:
    """Set the weights of a ResNet or transformer so that it returns its input (of a concatenation, the first part)."""
    last = layer.conv2 if hasattr(layer, "conv2") else layer.proj_out
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    shortcut = getattr(layer, "conv_shortcut", None)
    if shortcut is not None:
        nn.init.zeros_(shortcut.bias)
        nn.init.zeros_(shortcut.weight)
        for channel in range(shortcut.out_channels):
            shortcut.weight[channel, channel] = 1
