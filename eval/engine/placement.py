"""Placement of a run: device, threads and GPUs."""

from __future__ import annotations

from typing import NamedTuple


class Placement(NamedTuple):
    """The processors of a run.

    Attributes:
        device: device of each process that edits, such as "cpu" or "cuda".
        threads: CPU threads of each such process.
        gpus: number of GPUs that workers are spread over; 0 on the CPU.
    """

    device: str
    threads: int
    gpus: int = 0
