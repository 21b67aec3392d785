"""Named deviations of a run of Imagic from the paper."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from tedbench.errors import UserError

CHOICES = {
    "e_opt": ("optimised", "source", "target"),
    "finetune": ("full", "lora", "none"),
    "optimizer": ("adam", "adam8bit"),
    "latents": ("mean", "sample"),
    "sampler": ("ddim", "dpm_solver"),
}
PACKAGES = {("finetune", "lora"): "peft", ("optimizer", "adam8bit"): "bitsandbytes"}
"""Packages that a choice needs beyond the project's own dependencies."""


@dataclass(frozen=True)
class Variant:
    """One value for each choice; the defaults are the paper's, or the plainest where the paper is silent.

    Attributes:
        e_opt: the embedding to fine-tune on and interpolate from: stage A's result, or the unchanged embedding of the
            source text or of the target text, without stage A.
        finetune: all weights, low-rank adapters of the attention's projections (Hu et al., arXiv 2106.09685), or none.
        lora_rank: of those adapters.
        optimizer: of stage B, Adam or Adam with its moments in 8 bits (Dettmers et al., arXiv 2110.02861).
        latents: of the input image, the mean of the autoencoder's posterior or one sample of it.
        sampler: of stage C, DDIM or DPM-Solver++ of second order (Lu et al., arXiv 2211.01095).
    """

    e_opt: str = "optimised"
    finetune: str = "full"
    lora_rank: int = 16
    optimizer: str = "adam"
    latents: str = "mean"
    sampler: str = "ddim"

    @classmethod
    def of(cls, settings: Mapping[str, Any] | None) -> Variant:
        """Build a variant from a block of settings; missing ones take their defaults.

        Raises:
            UserError: an unknown setting or choice, or a package that it needs is not installed.
        """
        given = dict(settings or {})
        known = [field.name for field in fields(cls)]
        if unknown := [key for key in given if key not in known]:
            raise UserError(f"method.variant has no {unknown[0]}. It takes {', '.join(known)}.")
        for key, choices in CHOICES.items():
            if key in given and given[key] not in choices:
                raise UserError(f"method.variant.{key} is {given[key]!r}. It must be one of {', '.join(choices)}.")
        for (key, choice), package in PACKAGES.items():
            if given.get(key) == choice and importlib.util.find_spec(package) is None:
                raise UserError(
                    f"method.variant.{key}={choice} needs {package}. Install it: pip install 'imagic-bench[variants]'."
                )
        rank = given.get("lora_rank", 1)
        if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
            raise UserError(f"method.variant.lora_rank is {rank!r}. It must be a whole number from 1.")
        return cls(**given)
