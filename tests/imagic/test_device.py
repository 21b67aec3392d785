from __future__ import annotations

import pytest
import torch

from imagic.models.device import resolve_device
from tedbench.errors import UserError

GPUS = torch.cuda.device_count()


@pytest.mark.parametrize("asked", [f"cuda:{GPUS}", "cuda:9", "cuda:x", "cuda:", "cuda:-1", "cpu:x", "gpu", ""])
def test_a_device_that_is_not_there_is_refused_before_torch_meets_it(asked):
    with pytest.raises(UserError, match=r"no device .*numerics\.device can be auto or .*cpu"):
        resolve_device(asked)


@pytest.mark.parametrize("asked", ["auto", "cpu", *(["cuda", f"cuda:{GPUS - 1}"] if GPUS else [])])
def test_a_device_that_is_there_holds_a_tensor(asked):
    assert torch.zeros(1, device=resolve_device(asked)).item() == 0
