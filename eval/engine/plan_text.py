"""Texts about the estimated cost of a run."""

from __future__ import annotations

from omegaconf import DictConfig

from eval.engine.estimate import Estimate

WORKERS = (1, 2, 4, 8)


def describe_estimate(found: Estimate, cfg: DictConfig, free: int) -> list[str]:
    """Return lines with the cost of the whole run and of one pair.

    Args:
        found: the estimate.
        cfg: configuration of the run.
        free: free bytes on the disk.
    """
    pair, total = found.pair, found.pairs * found.images
    parts = f"fit {span(pair.fit_s)}, sampling {span(pair.sample_s)}, scoring {span(pair.score_s)}"
    network = f", {pair.evaluations:,.0f} evaluations of the network" if pair.evaluations else ""
    fits = f", {size(found.pairs * pair.fit_bytes)} of it kept fits" if pair.fit_bytes else ""
    room = "" if found.bytes < free else "; that is too little"
    return [
        f"{cfg.method.name} on {cfg.dataset.name} with {cfg.model.name}: "
        f"{found.pairs} pairs × {found.images} images = {total:,} images",
        f"a pair: {span(pair.seconds)} ({parts}){network}",
        f"disk: about {size(found.bytes)}{fits}; {size(free)} are free here{room}",
    ]


def memory(found: Estimate, workers: int) -> str:
    """Return the peak memory, "13.8 GiB": of each worker's GPU, or of all workers' processes together."""
    if "peak_gib" in found.peak:
        return f"{found.peak['peak_gib']:.1f} GiB of each GPU"
    if "peak_process_gib" in found.peak:
        return f"{workers * found.peak['peak_process_gib']:.1f} GiB"
    return "unknown"


def workers_here(found: Estimate) -> str:
    """Return a sentence on how many workers this machine has processors for."""
    import torch

    from imagic.models.device import cpu_threads

    if found.device.startswith("cuda"):
        there, what, more = torch.cuda.device_count(), "GPU", "executor=ray"
    else:
        there = max(1, cpu_threads(None) // found.threads)
        what = "processor core" if found.threads == 1 else f"set of {found.threads} processor cores"
        more = "executor=processes"
    return f"Each worker wants a {what} of its own; this machine has {there}. For several: {more}, or Slurm arrays."


def span(seconds: float) -> str:
    """Format seconds: "0.4 s", "12 min", "3.5 h", "2.1 days"."""
    for least, unit, name in ((2 * 86400, 86400, "days"), (5400, 3600, "h"), (100, 60, "min")):
        if seconds >= least:
            return f"{seconds / unit:.2g} {name}" if seconds < 100 * unit else f"{seconds / unit:,.0f} {name}"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


def size(count: float) -> str:
    """Format a number of bytes: "1.2 GB"."""
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count / 1e3:.0f} kB"
