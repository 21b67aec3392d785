"""Connections to Ray: a new cluster on this machine, or a running one."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tedbench.errors import UserError

OBJECT_STORE = 100_000_000
"""Bytes of shared memory; small, as images go through the run folder and containers limit shared memory."""

RAY_TIMEOUTS = {
    "agent_register_timeout_ms": 300_000,
    "raylet_start_wait_time_s": 300,
    "worker_register_timeout_seconds": 300,
    "health_check_timeout_ms": 60_000,
}
"""Longer timeouts than Ray's defaults, by which a busy machine counts as lost."""


@contextmanager
def connect(address: str | None, cpus: int = 1, gpus: int = 0) -> Iterator[Any]:
    """Connect this process to Ray, and disconnect it at the end; yields the module ``ray``.

    Args:
        address: address of a running cluster, "host:port" or "auto"; None starts a cluster on this machine, which ends
            with the connection and listens on the loopback interface only.
        cpus, gpus: number of processors of a new cluster.

    Raises:
        UserError: Ray is not installed or does not start, or there is no such cluster.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address is None:  # with "1" it would listen on every interface
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    try:
        import ray
    except ImportError:
        raise UserError("executor=ray needs Ray: pip install 'imagic-bench[ray]'.") from None
    options: dict[str, Any] = {"address": address, "log_to_driver": False, "logging_level": "ERROR"}
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    # socket names must be short; the folder is private to this user
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as scratch:
        if address is None:
            options |= {
                "address": "local",
                "num_cpus": cpus,
                "num_gpus": gpus,
                "include_dashboard": False,
                "object_store_memory": OBJECT_STORE,
                "_system_config": RAY_TIMEOUTS,
                "_temp_dir": scratch,
            }
        try:
            ray.init(**options)
        except Exception as error:  # Ray's errors have no common base
            where = f"There is no Ray cluster at {address}" if address else "Ray does not start here"
            raise UserError(
                f"{where} ({str(error).strip().splitlines()[0]}). Give another executor.address, or executor=inline."
            ) from None
        try:
            for number, handler in handlers.items():  # Ray has replaced them
                signal.signal(number, handler)
            yield ray
        finally:
            ray.shutdown()
