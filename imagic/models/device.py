"""The processor that models run on."""

from __future__ import annotations

import os

from tedbench.errors import UserError


def resolve_device(asked: str) -> str:
    """``auto`` is the best there is; anything else must be there.

    Raises:
        UserError: no such device here.
    """
    import torch

    there = (
        {"cpu"} | ({"cuda"} if torch.cuda.is_available() else set()) | ({"mps"} if torch.mps.is_available() else set())
    )
    if asked == "auto":
        return next(d for d in ("cuda", "mps", "cpu") if d in there)
    if asked.split(":", maxsplit=1)[0] not in there:
        raise UserError(
            f"There is no device {asked!r} here. numerics.device can be auto or {', '.join(sorted(there))}."
        )
    return asked


def cpu_threads(asked: int | None) -> int:
    """The number asked for, or all cores that this process may use."""
    if asked:
        return asked
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
