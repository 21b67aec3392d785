"""The processor that models run on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from runtime.threads import usable_cores
from tedbench.errors import UserError


def resolve_device(asked: str) -> str:
    """``auto`` is the best there is; anything else must be there.

    Raises:
        UserError: no such device here.
    """
    import torch

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    cuda = ["cuda", *(f"cuda:{i}" for i in range(gpus))] if gpus else []
    there = [*cuda, *(["mps"] if torch.mps.is_available() else []), "cpu"]
    if asked == "auto":
        return there[0]
    if asked not in there:
        raise UserError(f"There is no device {asked!r} here. numerics.device can be auto or {', '.join(there)}.")
    return asked


def cpu_threads(asked: int | None) -> int:
    """The number asked for, or all cores that this process may use."""
    return asked or usable_cores()


def settle(numerics: Mapping[str, Any]) -> tuple[str, int]:
    """Sets up the processor as ``numerics`` asks, so that equal runs give equal bits.

    On CUDA, TF32 is switched off (float32 means float32) and deterministic kernels are asked for.

    Returns:
        The device and the number of CPU threads.

    Raises:
        UserError: a setting that is no such thing.
    """
    import torch

    for key in ("threads", "sample_batch"):
        value = numerics[key]
        if not (value is None and key == "threads") and (
            isinstance(value, bool) or not isinstance(value, int) or value < 1
        ):
            raise UserError(f"numerics.{key} is {value!r}. It must be a whole number from 1.")
    device, threads = resolve_device(str(numerics["device"])), cpu_threads(numerics["threads"])
    torch.set_num_threads(threads)
    if device.startswith("cuda"):
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.benchmark = False
        torch.use_deterministic_algorithms(True, warn_only=True)
    return device, threads
