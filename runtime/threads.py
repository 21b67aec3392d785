"""Waiting of torch's threads, and the number of cores they may use. Nothing here loads torch."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}
"""Environment that lets OpenMP's threads sleep while they wait: the standard's variable, and the time for which Intel's
and LLVM's library would spin nevertheless."""

OWN = (*PASSIVE, "GOMP_SPINCOUNT", "KMP_LIBRARY")
"""Environment variables by which users choose it themselves; if one is set, nothing is changed."""


def wait_passively() -> None:
    """Make OpenMP's threads sleep while they wait for a slower one, unless the environment sets how they wait.

    By default they spin, which occupies a core that the slower thread could use when others use the machine too: a fit
    then takes several times as long as its share of the cores explains. OpenMP reads the setting when torch is loaded,
    so each package calls this on import; child processes inherit it.
    """
    if not any(name in os.environ for name in OWN):
        os.environ.update(PASSIVE)


def usable_cores() -> int:
    """Return the number of cores that this process may use: its CPU affinity, limited by its control group's quota."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota()
    return bound if quota is None else max(1, min(bound, math.ceil(quota)))


def cpu_quota(root: Path = Path("/")) -> float | None:
    """Return the number of cores, such as 1.5, that Linux's control groups allow to this process; None for no limit.

    Args:
        root: of the file system.
    """
    found = [quota for folder in _groups(root) if (quota := _quota(folder)) is not None]
    return min(found, default=None)


def _groups(root: Path) -> Iterator[Path]:
    """Yield this process's control groups that may have a quota, each followed by its ancestors."""
    mounted, lines = root / "sys/fs/cgroup", []
    with suppress(OSError):
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    for line in lines:
        _, controllers, path = line.split(":", 2)
        names = controllers.split(",")
        if controllers and "cpu" not in names:
            continue
        for mount in (mounted / controllers, mounted / "cpu") if controllers else (mounted, mounted / "unified"):
            group = mount / path.lstrip("/")  # in a container this may be the host's path, which does not exist inside
            yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(mount))


def _quota(folder: Path) -> float | None:
    """Return the quota of one group, in the format of version 2 or 1; None for no limit."""
    with suppress(OSError, ValueError):
        quota, period = (folder / "cpu.max").read_text().split()
        return float(quota) / float(period) if quota != "max" else None
    with suppress(OSError, ValueError):
        quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return float(quota) / float(period) if float(quota) > 0 else None
    return None
