from __future__ import annotations

import numpy as np
import pytest
import torch

from eval.engine.memory import peak_memory


@pytest.mark.skipif(torch.cuda.is_available(), reason="with a GPU, its own memory counts")
def test_without_a_gpu_the_peak_is_the_process_own():
    there = np.ones(2**26)  # half a GiB
    assert peak_memory()["peak_process_gib"] >= there.nbytes / 2**30


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_each_peak_is_since_the_last():
    held = torch.ones(2**28, device="cuda")  # one GiB
    del held
    assert 1 <= peak_memory()["peak_gib"] < 1.5
    assert peak_memory()["peak_gib"] < 0.5
