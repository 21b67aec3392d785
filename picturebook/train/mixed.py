"""Training in bfloat16 on processors that multiply it several times as fast as float32, and in float32 on others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel


@cache
def has_bfloat16() -> bool:
    """True if the processor has bfloat16 instructions (AVX-512 BF16, AMX)."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


@contextmanager
def bfloat16() -> Iterator[None]:
    """Compute products and convolutions inside in bfloat16; weights and gradients stay float32.

    torch's fused attention loses more in bfloat16 on a CPU than the rest gains, so attention uses plain operations. A
    processor without bfloat16 instructions emulates them fifteen times slower than float32: there nothing is changed.
    """
    if not has_bfloat16():
        yield
        return
    with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
        yield


def keep_group_norms(model: nn.Module) -> None:
    """Give the group normalisations of ``model`` float32 inputs, for the same reason."""
    for module in model.modules() if has_bfloat16() else ():
        if isinstance(module, nn.GroupNorm):
            module.register_forward_pre_hook(_as_float32)


def _as_float32(_: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
    return (inputs[0].float(),)
