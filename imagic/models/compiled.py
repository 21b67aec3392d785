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
    """Compile a model's networks for their first forward and backward pass on each input shape.

    Results are the same up to rounding. Every shape is compiled separately, and a shape that cannot be compiled raises
    instead of falling back to eager code: so equal runs give equal bits, whatever ran before. Torch caches the compiled
    code for the next run and loads it as code, so the cache is our own folder and not torch's default in the shared
    ``/tmp``.

    Raises:
        UserError: torch cannot compile here, for lack of a C++ compiler (CPU) or of triton (GPU).
    """
    from torch._dynamo import config as tracing
    from torch._inductor import config as generating

    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder() / "compiled"))
    tracing.recompile_limit, tracing.fail_on_recompile_limit_hit = 64, True
    generating.deterministic = True  # nothing is chosen by timing
    try:
        torch.compile(torch.sin)(torch.zeros(1, device=model.device))
    except Exception as error:  # each compiler has errors of its own
        why = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise UserError(
            f"numerics.compile=true: torch cannot compile for {model.device} ({why}). On a CPU it needs a C++ compiler, "
            "such as g++ or clang++; on a GPU triton."
        ) from None
    for network in [model.network, *([model.upscaler.network] if model.upscaler is not None else [])]:
        network.compile(dynamic=False)
    model.compiled = True
