"""How much memory an edit takes."""

from __future__ import annotations

import sys


def peak_memory() -> dict[str, float]:
    """The most that was in use, in GiB, for a run's events.

    ``peak_gib``: of tensors on the GPUs, since the last call. ``peak_process_gib``: without a GPU in use, of the whole
    process since it started; where the system tells it.
    """
    import torch

    if torch.cuda.is_available() and torch.cuda.is_initialized():
        peak = 0
        for device in range(torch.cuda.device_count()):
            peak += torch.cuda.max_memory_allocated(device)
            torch.cuda.reset_peak_memory_stats(device)
        return {"peak_gib": round(peak / 2**30, 2)}
    try:
        import resource
    except ImportError:  # Windows
        return {}
    unit = 1 if sys.platform == "darwin" else 1024
    return {"peak_process_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30, 2)}
