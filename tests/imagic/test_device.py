from __future__ import annotations

import re

import pytest
import torch

from imagic.api import load
from imagic.models.device import check_numerics, exact_products, multiply_exactly, resolve_device, settle
from tedbench.errors import UserError

GPUS = torch.cuda.device_count()


@pytest.mark.parametrize("asked", [f"cuda:{GPUS}", "cuda:9", "cuda:x", "cuda:", "cuda:-1", "cpu:x", "gpu", ""])
def test_a_device_that_is_not_there_is_refused_before_torch_meets_it(asked):
    with pytest.raises(UserError, match=r"no device .*numerics\.device can be auto or .*cpu"):
        resolve_device(asked)


@pytest.mark.parametrize("asked", ["auto", "cpu", *(["cuda", f"cuda:{GPUS - 1}"] if GPUS else [])])
def test_a_device_that_is_there_holds_a_tensor(asked):
    assert torch.zeros(1, device=resolve_device(asked)).item() == 0


NUMERICS = {"device": "cpu", "threads": 1, "sample_batch": 1, "dtype": "float32"}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"dtype": "float17"}, "numerics.dtype is 'float17'. It must be one of float32, bfloat16, tf32."),
        ({"compile": "yes"}, "numerics.compile is 'yes'. It must be true or false."),
        ({"sample_batch": 0}, "numerics.sample_batch is 0. It must be a whole number from 1."),
        ({"threads": "all"}, "numerics.threads is 'all'. It must be a whole number from 1, or null."),
    ],
)
def test_a_wrong_setting_of_the_processor_is_refused_before_a_model_is_loaded(wrong, words, monkeypatch):
    monkeypatch.setattr("imagic.api.build", lambda *_, **__: pytest.fail("a model was built"))
    with pytest.raises(UserError, match=f"^{re.escape(words)}$"):
        check_numerics(NUMERICS | wrong)
    with pytest.raises(UserError, match=f"^{re.escape(words)}$"):
        load("picturebook", *(f"numerics.{key}={value}" for key, value in wrong.items()))


@pytest.fixture
def products():
    """Whether torch would multiply as TF32, in matrix products and in convolutions; both are put back."""
    backends = torch.backends
    before = backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32, torch.are_deterministic_algorithms_enabled()
    yield lambda: (backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32)
    backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32, deterministic = before
    torch.use_deterministic_algorithms(deterministic)


@pytest.fixture
def gpu(monkeypatch):
    """As if this machine had a GPU of a compute capability; what is asked of torch beside that is real."""

    def make(capability):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Some GPU")
        return {**NUMERICS, "device": "cuda", "dtype": "tf32"}

    return make


def test_tf32_is_refused_where_there_is_none(gpu, products):
    before = products()
    with pytest.raises(UserError, match=r"numerics\.dtype=tf32 is for .*cpu has none.*numerics\.dtype=float32"):
        load("picturebook", "numerics.dtype=tf32", "numerics.device=cpu")
    with pytest.raises(UserError, match=r"Some GPU has none"):
        settle(gpu((7, 5)))
    assert products() == before


def test_tf32_is_on_in_its_own_run_alone(gpu, products):
    numerics = gpu((8, 0))
    assert settle(numerics)[0] == "cuda" and products() == (True, True)
    with exact_products():
        assert products() == (False, False)
    assert products() == (True, True)
    settle({**numerics, "dtype": "float32"})
    assert products() == (False, False)
    settle(numerics)
    settle(NUMERICS)
    assert products() == (False, False)
    settle(numerics)
    multiply_exactly()
    assert products() == (False, False)


def test_a_network_computes_nothing_that_it_does_not_know(tiny_model):
    with pytest.raises(UserError, match=r"'float8'.*float32, bfloat16, tf32"):
        tiny_model(dtype="float8")


@pytest.mark.skipif(not GPUS or torch.cuda.get_device_capability() < (8, 0), reason="needs a GPU with TF32")
def test_tf32_rounds_products_and_float32_does_not(products):
    a = torch.randn(256, 256, generator=torch.Generator().manual_seed(0))
    exact = a.double() @ a.double()

    def error(dtype):
        settle({**NUMERICS, "device": "cuda", "dtype": dtype})
        return ((a.cuda() @ a.cuda()).cpu().double() - exact).abs().max().item()

    assert error("float32") < 1e-4 < error("tf32")
