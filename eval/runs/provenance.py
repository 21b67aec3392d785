"""Provenance of a run: code, versions, machine, weights, pairs."""

from __future__ import annotations

import hashlib
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tedbench.pair import Entry

PACKAGES = (
    *("imagic-bench", "torch", "torchvision", "diffusers", "transformers", "safetensors", "huggingface-hub"),
    *("open-clip-torch", "timm", "lpips", "torchmetrics", "numpy", "pandas", "pyarrow", "pillow", "hydra-core"),
    *("peft", "bitsandbytes", "ray"),
)
"""Packages whose versions are recorded; the last three are extras."""

SECRETS = (
    (re.compile(r"(://)[^/@\s]+@"), r"\1***@"),  # user name and password in an address
    (re.compile(r"\bhf_[A-Za-z0-9]{8,}"), "hf_***"),  # a token of the hub
    (re.compile(r"\bsk-[A-Za-z0-9_-]{8,}"), "sk-***"),  # a key of a service
    (
        re.compile(r"((?:key|token|secret|password)=)(?![A-Z][A-Z0-9_]*$|null$)\S+"),
        r"\1***",
    ),  # anything but a variable's name
)
"""Patterns of secrets in a command line, and their replacements."""


def provenance(
    device: str, threads: int, weights: Mapping[str, Path] | None = None, entries: Sequence[Entry] = ()
) -> dict[str, Any]:
    """Return versions, git state, hardware, weights, pairs and command line as JSON. Records no environment variables.

    Args:
        device, threads: device and CPU threads of the pairs.
        weights: the model's folders, by the settings that name them.
        entries: the run's pairs.
    """
    import torch

    from imagic.models.weights import digest

    gpu = torch.cuda.get_device_name() if device.startswith("cuda") and torch.cuda.is_available() else None
    return {
        "packages": {name: package_version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "git": git_state(),
        "platform": platform.platform(),
        "processor": platform.machine(),
        "processor_name": _processor_name(),
        "device": device,
        "gpu": gpu,
        "cuda": torch.version.cuda if gpu else None,
        "threads": threads,
        "weights": {
            key: {"folder": str(folder), "revision": _revision(folder), "sha256": digest(folder)}
            for key, folder in (weights or {}).items()
        },
        "pairs": {"count": len(entries), "sha256": _pairs_digest(entries)},
        "command": [without_secrets(argument) for argument in (Path(sys.argv[0]).name, *sys.argv[1:])],
    }


def without_secrets(text: str) -> str:
    """Return a text with :data:`SECRETS` replaced."""
    for pattern, instead in SECRETS:
        text = pattern.sub(instead, text)
    return text


def _processor_name() -> str | None:
    """Return the processor's name, "AMD EPYC 9575F"; None if it is unknown."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)


def _revision(folder: Path) -> str | None:
    """Return the commit of a folder in the hub's cache; None for other folders."""
    return folder.name if folder.parent.name == "snapshots" else None


def _pairs_digest(entries: Sequence[Entry]) -> str:
    """Return the sha256 of all names and texts. (Digests of the images are in each shard's ``done``.)"""
    known = [(entry.image_name, entry.target_text, entry.texts()) for entry in entries]
    return hashlib.sha256(repr(known).encode()).hexdigest()


def package_version(name: str) -> str | None:
    """Return a package's installed version; None if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def git_state() -> dict[str, Any] | None:
    """Return the commit of the code and whether tracked files have changed since; None outside a repository."""
    here = Path(__file__).parent
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=True
        ).stdout.strip()
        status = subprocess.run(
            ["git", "status", "--porcelain", "-uno"], cwd=here, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    changed = bool(status.stdout.strip())
    return {"commit": commit, "changed": changed, **({"diff_sha256": _diff_digest(here)} if changed else {})}


def _diff_digest(here: Path) -> str:
    """Return the sha256 of the changes of Python and YAML files since the commit."""
    diff = subprocess.run(["git", "diff", "HEAD", "--", "*.py", "*.yaml"], cwd=here, capture_output=True, check=False)
    return hashlib.sha256(diff.stdout).hexdigest()
