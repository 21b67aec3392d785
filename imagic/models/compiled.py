"""A model's networks compiled by torch for its processor (``numerics.compile``)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import torch

from tedbench.download import cache_folder
from tedbench.errors import UserError

if TYPE_CHECKING:
    from imagic.models.base import TextToImage


def compile_networks(model: TextToImage) -> None:
    """Has a model's networks compiled as soon as they first run, forwards and backwards, on inputs of a shape.

    It computes the same up to rounding. Every shape has its own code, and one that cannot be compiled is an error rather
    than left as it is: so equal runs give equal bits, whatever came before. Torch keeps what it compiled for the next
    run, and loads it as code: in our own cache, not in the shared ``/tmp`` as it would by itself.

    Raises:
        UserError: torch cannot compile here, for want of a C++ compiler (CPU) or of triton (GPU).
    """
    from torch._dynamo import config as tracing
    from torch._inductor import config as generating

    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder() / "compiled"))
    tracing.recompile_limit, tracing.fail_on_recompile_limit_hit = 64, True
    generating.deterministic = True  # nothing is chosen by timing
    try:
        torch.compile(torch.sin)(torch.zeros(1, device=model.device))
    except Exception as error:  # of whatever compiler there is
        why = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise UserError(
            f"numerics.compile=true: torch cannot compile for {model.device} ({why}). On a CPU it needs a C++ compiler, "
            "such as g++ or clang++; on a GPU triton."
        ) from None
    for network in [model.network, *([model.upscaler.network] if model.upscaler is not None else [])]:
        network.compile(dynamic=False)
    model.compiled = True
