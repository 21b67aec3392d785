from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from torch._dynamo.utils import counters

from imagic.api import load
from imagic.editor import Imagic
from imagic.models.compiled import compile_networks
from imagic.models.latent import LatentDiffusion
from tedbench.errors import UserError
from tedbench.pair import EditPair, Entry

STAGE = {"steps": 2, "lr": 1e-2, "draws": 2}
SETTINGS = {
    "embedding": STAGE,
    "finetune": {**STAGE, "decay": 0.0, "empty": 0.0},
    "sampling": {"steps": 2, "guidance": 2.0},
    "sample_batch": 2,
}


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    monkeypatch.setenv("IMAGIC_BENCH_CACHE", str(tmp_path / "cache"))
    yield
    os.environ.pop("TORCHINDUCTOR_CACHE_DIR", None)  # monkeypatch does not know what the code itself set


def one_level_model(tiny_model):
    """A model whose network has half as many kernels to compile."""
    model = tiny_model()
    torch.manual_seed(0)
    narrow = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8,),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D",),
        up_block_types=("CrossAttnUpBlock2D",),
        cross_attention_dim=16,
        attention_head_dim=2,
        norm_num_groups=4,
    )
    parts = model.text_encoder, model.tokenizer, model.vae, narrow, model.process.scheduler
    return LatentDiffusion(*parts, name="tiny")


@pytest.mark.slow
def test_compiled_networks_fit_and_sample_the_same_up_to_rounding(tiny_model, noise_image, tmp_path):
    pair = EditPair(Entry("a.png", "A sitting dog."), noise_image())

    def made(compiled):
        model = one_level_model(tiny_model)
        if compiled:
            compile_networks(model)
        with Imagic(model, **SETTINGS).fit(pair) as edit:
            return edit.e_opt.tokens, [
                sample.image.astype(int) for sample in edit.sample([(0.0, 0), (0.5, 0), (1.0, 0)])
            ]

    counters.clear()
    torch._dynamo.reset()
    e_opt, images = made(True)
    assert list((tmp_path / "cache" / "compiled").iterdir())
    assert counters["stats"]["unique_graphs"] == 4  # one for each stage, and that of the trial
    again, same = made(True)
    assert torch.equal(e_opt, again) and all(np.array_equal(a, b) for a, b in zip(images, same, strict=True))
    plain, wanted = made(False)
    assert (e_opt - plain).abs().max() < 1e-4
    assert max(np.abs(a - b).max() for a, b in zip(images, wanted, strict=True)) <= 2


def test_a_machine_without_a_compiler_is_told_what_it_lacks(monkeypatch):
    from torch._inductor import config

    torch._dynamo.reset()
    monkeypatch.setattr(config.cpp, "cxx", (None, "/nowhere/g++"))
    monkeypatch.setattr(config, "force_disable_caches", True)
    with pytest.raises(UserError, match=r"numerics\.compile=true: .*/nowhere/g\+\+.*needs a C\+\+ compiler"):
        load("picturebook", "numerics.compile=true", "numerics.device=cpu")


def test_compile_is_true_or_false():
    with pytest.raises(UserError, match=r"numerics\.compile is 'perhaps'.*true or false"):
        load("picturebook", "numerics.compile=perhaps")


def test_adapters_do_not_go_with_compiled_networks(tiny_model):
    model = tiny_model()
    model.compiled = True
    with pytest.raises(UserError, match=r"numerics\.compile=false"):
        Imagic(model, **SETTINGS, variant={"finetune": "lora"})
