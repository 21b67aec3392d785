"""Peak memory, for a run's events."""

from __future__ import annotations

import sys


def peak_memory() -> dict[str, float]:
    """Return the peak memory in GiB.

    Returns:
        With a GPU in use ``peak_gib``: tensors on all GPUs since the last call. Otherwise ``peak_process_gib``: the
        whole process since it started; empty on Windows.
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
