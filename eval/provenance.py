"""With what a run was made: code, versions, machine."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "imagic-bench",
    "torch",
    "diffusers",
    "transformers",
    "open-clip-torch",
    "lpips",
    "numpy",
    "pandas",
    "hydra-core",
)


def provenance(device: str, threads: int) -> dict[str, Any]:
    """Versions, git state and hardware, as JSON."""
    import torch

    gpu = torch.cuda.get_device_name() if device.startswith("cuda") and torch.cuda.is_available() else None
    return {
        "packages": {name: package_version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "git": git_state(),
        "platform": platform.platform(),
        "processor": platform.machine(),
        "device": device,
        "gpu": gpu,
        "threads": threads,
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
    }


def package_version(name: str) -> str | None:
    """A package's installed version, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def git_state() -> dict[str, Any] | None:
    """Commit of the code and whether it was changed since; None outside a repository."""
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
    return {"commit": commit, "changed": bool(status.stdout.strip())}
