"""Restoration of the settings that a run changes in its process, which may be a notebook's."""

from __future__ import annotations

import os
import random
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
_ONE_AT_A_TIME = threading.RLock()  # torch's settings and Hydra's are those of the process, not of a thread


@contextmanager
def surroundings_kept() -> Iterator[None]:
    """Put back torch's and matplotlib's settings, Hydra's configuration and all states of random numbers at the end.

    One block runs at a time; other threads wait for it.
    """
    with _ONE_AT_A_TIME, ExitStack() as stack:
        for keep in (_random, _hydra, _torch, _matplotlib):
            stack.enter_context(keep())
        yield


@contextmanager
def _hydra() -> Iterator[None]:
    from hydra.core.global_hydra import GlobalHydra

    before = GlobalHydra.instance().hydra
    try:
        yield
    finally:
        GlobalHydra.instance().clear()
        GlobalHydra.instance().hydra = before


@contextmanager
def _random() -> Iterator[None]:
    python, numpy = random.getstate(), np.random.get_state()  # before imports, some of which draw
    import torch

    cpu = torch.get_rng_state()
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)
        if gpus:
            torch.cuda.set_rng_state_all(gpus)


@contextmanager
def _torch() -> Iterator[None]:
    import torch

    threads, benchmark = torch.get_num_threads(), torch.backends.cudnn.benchmark
    exact, only_warns = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    workspace = os.environ.get(WORKSPACE)
    try:
        with _precision():
            yield
    finally:
        torch.set_num_threads(threads)
        torch.backends.cudnn.benchmark = benchmark
        torch.use_deterministic_algorithms(exact, warn_only=only_warns)
        if workspace is None:
            os.environ.pop(WORKSPACE, None)
        else:
            os.environ[WORKSPACE] = workspace


@contextmanager
def _precision() -> Iterator[None]:
    """Put back the precision of float32 products, by torch's newer settings if the user has used them.

    Torch refuses to read its older settings (``allow_tf32``) once the newer ones were written, and the other way round.
    """
    import torch

    from imagic.models.device import multiply_exactly

    backends: Any = torch.backends
    newer = (backends, backends.cuda.matmul, backends.cudnn, backends.cudnn.conv, backends.cudnn.rnn)
    try:
        older = backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    except RuntimeError:
        older = None
    precisions = [each.fp32_precision for each in newer]
    if older is None:
        for each in newer:
            each.fp32_precision = "none"  # after which the older settings can be read again, once they are written
        multiply_exactly()
    try:
        yield
    finally:
        if older is None:
            for each, precision in zip(newer, precisions, strict=True):
                each.fp32_precision = precision
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of torch, that these settings are the older ones
                torch.set_float32_matmul_precision(older[2])
                backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32 = older[:2]


@contextmanager
def _matplotlib() -> Iterator[None]:
    """Draw in the figures' own style, and put back the user's style and backend."""
    import matplotlib

    before = dict(dict.items(matplotlib.rcParams))  # with the backend as it stands, which reading it would choose
    from eval.present.figures.style import use_paper_style

    use_paper_style()
    try:
        yield
    finally:
        backend = before.pop("backend")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of matplotlib, on settings that it will drop
            matplotlib.rcParams.update(before)
        dict.__setitem__(matplotlib.rcParams, "backend", backend)
        pyplot: Any = matplotlib.pyplot
        pyplot._backend_mod = None  # loaded again on next use; `use` would load it now, and fail without a display
