"""How torch's threads wait for each other, and how many cores they may use. Nothing here loads torch."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}
"""What has OpenMP's threads sleep when they wait: the standard's own word, and the time that Intel's and LLVM's library
would go on spinning nevertheless."""

OWN = (*PASSIVE, "GOMP_SPINCOUNT", "KMP_LIBRARY")
"""Settings of a user who has decided it otherwise."""


def wait_passively() -> None:
    """Has OpenMP's threads sleep while they wait for a slower one, unless the environment says anything of it.

    By default they spin, which keeps a core from the very thread that they wait for when others use the machine too: a
    fit then takes several times as long as its share of the cores explains. OpenMP reads it when torch is loaded, so
    each package calls it when it is imported; processes that are started from this one inherit it.
    """
    if not any(name in os.environ for name in OWN):
        os.environ.update(PASSIVE)


def usable_cores() -> int:
    """The cores that this process may use: those it is bound to, and no more than its control group's quota."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota()
    return bound if quota is None else max(1, min(bound, math.ceil(quota)))


def cpu_quota(root: Path = Path("/")) -> float | None:
    """The share of cores, such as 1.5, that Linux's control groups leave to this process; None for no limit.

    Args:
        root: of the file system.
    """
    found = [quota for folder in _groups(root) if (quota := _quota(folder)) is not None]
    return min(found, default=None)


def _groups(root: Path) -> Iterator[Path]:
    """This process's control groups that may have a quota, each with those above it."""
    mounted, lines = root / "sys/fs/cgroup", []
    with suppress(OSError):
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    for line in lines:
        _, controllers, path = line.split(":", 2)
        names = controllers.split(",")
        if controllers and "cpu" not in names:
            continue
        for mount in (mounted / controllers, mounted / "cpu") if controllers else (mounted, mounted / "unified"):
            group = mount / path.lstrip("/")  # of a container, that may be the host's, which is not seen from within
            yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(mount))


def _quota(folder: Path) -> float | None:
    """Of one group, in the format of version 2 or 1."""
    with suppress(OSError, ValueError):
        quota, period = (folder / "cpu.max").read_text().split()
        return float(quota) / float(period) if quota != "max" else None
    with suppress(OSError, ValueError):
        quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return float(quota) / float(period) if float(quota) > 0 else None
    return None
