"""Choice of the device that models run on, and of its float32 precision."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from runtime.threads import usable_cores
from tedbench.errors import UserError
from tedbench.settings import Count, checked

Dtype = Literal["float32", "bfloat16", "tf32"]
"""Values of ``numerics.dtype``: see :data:`imagic.models.base.DTYPES` and :data:`TF32`."""

KINDS: dict[str, Any] = {"threads": Count | None, "sample_batch": Count, "dtype": Dtype, "compile": bool}
"""Kinds of the settings in ``numerics`` that need no device to be checked."""

TF32 = "tf32"
"""``numerics.dtype`` of a run with weights and tensors in float32 and matrix products in TF32."""

AMPERE = (8, 0)
"""Compute capability of the first GPUs with TF32."""


def resolve_device(asked: str) -> str:
    """Return a torch device; ``auto`` is the best one here.

    Raises:
        UserError: this machine has no such device.
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
    """Return ``asked``, or the number of cores that this process may use."""
    return asked or usable_cores()


def multiply_exactly(exactly: bool = True) -> None:
    """Set GPUs to multiply float32 as float32, or as TF32 (10 bits of fraction, several times faster)."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = not exactly


@contextmanager
def exact_products() -> Iterator[None]:
    """Multiply float32 as float32 inside the block, even in a run with TF32: metrics' names promise float32."""
    import torch

    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    multiply_exactly()
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def _require_tf32(device: str) -> None:
    """Raise UserError if the device has no TF32, and would compute in another precision than the run's name says."""
    import torch

    what = f"{device} has none"
    if device.startswith("cuda"):
        if torch.version.hip is None and torch.cuda.get_device_capability(device) >= AMPERE:
            return
        what = f"{torch.cuda.get_device_name(device)} has none"
    raise UserError(
        f"numerics.dtype=tf32 is for NVIDIA's GPUs from Ampere on (A100, RTX 30), and {what}. Give numerics.dtype=float32."
    )


def check_numerics(numerics: Mapping[str, Any]) -> None:
    """Refuse a setting in ``numerics`` with an invalid value, without loading torch; the device is not looked for.

    Raises:
        UserError: says the setting's name and what it may be.
    """
    for key, kind in KINDS.items():
        if key in numerics:
            checked(f"numerics.{key}", numerics[key], kind)


def resolve(numerics: Mapping[str, Any]) -> tuple[str, int]:
    """Return the device and the number of CPU threads that ``numerics`` asks for. Changes nothing.

    Raises:
        UserError: a setting with an invalid value, a device that is not there, or tf32 on a device that has none.
    """
    check_numerics(numerics)
    device, threads = resolve_device(str(numerics["device"])), cpu_threads(numerics["threads"])
    if numerics.get("dtype") == TF32:
        _require_tf32(device)
    return device, threads


def settle(numerics: Mapping[str, Any]) -> tuple[str, int]:
    """Set up the processor as ``numerics`` asks, so that equal runs give equal bits.

    TF32 is switched off (float32 means float32), or with ``dtype`` tf32 on, and on CUDA deterministic kernels are asked for.

    Returns:
        The device and the number of CPU threads.

    Raises:
        UserError: see :func:`resolve`.
    """
    import torch

    device, threads = resolve(numerics)
    torch.set_num_threads(threads)
    multiply_exactly(numerics.get("dtype") != TF32)
    if device.startswith("cuda"):
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.backends.cudnn.benchmark = False
        torch.use_deterministic_algorithms(True, warn_only=True)
    return device, threads
