"""Training in several processes, started by ``torchrun --nproc-per-node N -m picturebook.train PART``.

Each process draws a part of every batch, and all take the step of their averaged gradients. Two processes on two cores are half as
fast again as one process with two threads, since the operations of small networks are too short to be split among threads.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import distributed, nn


@contextmanager
def process_group() -> Iterator[None]:
    """Connect the processes that torchrun started; do nothing in a process of its own."""
    if "RANK" not in os.environ:
        yield
        return
    distributed.init_process_group("gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()


def rank() -> int:
    """Return this process's number; 0 writes the files."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def processes() -> int:
    """Return the number of processes."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def share(count: int) -> int:
    """Return this process's part of a number of things that all processes draw together.

    Raises:
        SystemExit: they cannot be divided.
    """
    if count % processes():
        raise SystemExit(f"A batch of {count} cannot be divided among {processes()} processes. Start another number.")
    return count // processes()


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace gradients by their mean over all processes."""
    if not distributed.is_initialized():
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= processes()
    for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


def wait() -> None:
    """Wait until all processes are here."""
    if distributed.is_initialized():
        distributed.barrier()
