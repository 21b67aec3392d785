"""Named deviations of a run of Imagic from the paper."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from imagic.models.choices import Parts
from tedbench.errors import UserError
from tedbench.settings import Count, checked_block, kinds_of

PACKAGES = {("finetune", "lora"): "peft", ("optimizer", "adam8bit"): "bitsandbytes"}
"""Packages that a choice needs beyond the project's own dependencies."""


@dataclass(frozen=True)
class Variant:
    """One value for each choice; the defaults are the paper's, or the plainest where the paper is silent.

    Attributes:
        e_opt: the embedding to fine-tune on and interpolate from: stage A's result, or the unchanged embedding of the
            source text or of the target text, without stage A.
        parts: of the embedding that stage A optimises. The paper's models have tokens alone; for those that read a pooled
            embedding besides, ``all`` optimises both, and ``tokens`` or ``pooled`` one, the other being the target text's.
        finetune: all weights, low-rank adapters of the attention's projections (Hu et al., arXiv 2106.09685), or none.
        lora_rank: of those adapters.
        optimizer: of stage B, Adam or Adam with its moments in 8 bits (Dettmers et al., arXiv 2110.02861).
        latents: of the input image, the mean of the autoencoder's posterior or one sample of it.
        sampler: of stage C, DDIM, which on a flow is Euler's method, or DPM-Solver++ of second order (Lu et al., arXiv
            2211.01095); on a flow also ``midpoint`` or ``fireflow`` (:mod:`imagic.models.flow_solvers`).
    """

    e_opt: Literal["optimised", "source", "target"] = "optimised"
    parts: Parts = "all"
    finetune: Literal["full", "lora", "none"] = "full"
    lora_rank: Count = 16
    optimizer: Literal["adam", "adam8bit"] = "adam"
    latents: Literal["mean", "sample"] = "mean"
    sampler: Literal["ddim", "dpm_solver", "midpoint", "fireflow"] = "ddim"

    @classmethod
    def of(cls, settings: Mapping[str, Any] | None) -> Variant:
        """Build a variant from a block of settings; missing ones take their defaults.

        Raises:
            UserError: an unknown setting or choice, or a package that it needs is not installed.
        """
        given = dict(settings or {})
        known = kinds_of(cls)
        if unknown := [key for key in given if key not in known]:
            raise UserError(f"method.variant has no {unknown[0]}. It takes {', '.join(known)}.")
        variant = cls(**checked_block("method.variant", given, **{key: known[key] for key in given}))
        for (key, choice), package in PACKAGES.items():
            if given.get(key) == choice and importlib.util.find_spec(package) is None:
                raise UserError(
                    f"method.variant.{key}={choice} needs {package}. Install it: pip install 'imagic-bench[variants]'."
                )
        return variant
