"""Imagic away from the paper, by name."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest
import torch

from imagic.editor import Imagic
from imagic.models.sampling import ddim, dpm_solver
from tedbench.errors import PairError, UserError
from tedbench.pair import EditPair, Entry

STAGE = {"steps": 3, "lr": 1e-2, "draws": 2}
FINETUNE = {**STAGE, "decay": 0.0, "empty": 0.0}
SAMPLING = {"steps": 4, "guidance": 3.0}

lora = pytest.param(
    {"finetune": "lora", "lora_rank": 2},
    marks=pytest.mark.skipif(importlib.util.find_spec("peft") is None, reason="peft is not installed"),
)
eight_bits = pytest.param(
    {"optimizer": "adam8bit"},
    marks=pytest.mark.skipif(importlib.util.find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed"),
)


@pytest.fixture
def pair(noise_image):
    return EditPair(Entry("a.png", "A sitting dog.", source_text="A dog."), noise_image())


def make(model, **variant):
    return Imagic(model, embedding=STAGE, finetune=FINETUNE, sampling=SAMPLING, variant=variant)


def edited(editor, pair, eta=0.5):
    with editor.fit(pair) as edit:
        return next(iter(edit.sample([(eta, 0)]))).image


@pytest.mark.parametrize(
    "variant",
    [{"finetune": "none"}, {"e_opt": "source"}, {"latents": "sample"}, {"sampler": "dpm_solver"}, lora, eight_bits],
)
def test_a_variant_differs_repeats_and_leaves_the_model_as_it_was(tiny_model, pair, variant):
    model = tiny_model()
    papers = edited(make(model), pair)
    before = {k: v.clone() for k, v in model.network.state_dict().items()}
    first, second = (edited(make(model, **variant), pair) for _ in range(2))
    assert (first == second).all() and (first != papers).any()
    after = model.network.state_dict()
    assert list(after) == list(before) and all(torch.equal(v, before[k]) for k, v in after.items())
    assert (edited(make(model), pair) == papers).all()


@pytest.mark.parametrize(("name", "text"), [("target", "A sitting dog."), ("source", "A dog.")])
def test_without_stage_a_the_embedding_is_a_texts_own(tiny_model, pair, name, text):
    model = tiny_model()
    with make(model, e_opt=name).fit(pair) as edit:
        assert torch.equal(edit.e_opt.tokens, model.encode_text([text]).tokens)


def test_a_source_text_is_asked_for_where_it_is_used(tiny_model, noise_image):
    bare = EditPair(Entry("a.png", "A sitting dog."), noise_image())
    make(tiny_model()).fit(bare).close()
    with pytest.raises(PairError, match="needs source_text"):
        make(tiny_model(), e_opt="source").fit(bare)


def test_a_pooled_embedding_that_the_model_does_not_read_is_refused(tiny_model):
    with pytest.raises(UserError, match="tiny reads no pooled embedding"):
        make(tiny_model(), parts="pooled")


def test_adapters_alone_are_trained(tiny_model, pair):
    pytest.importorskip("peft")
    model = tiny_model()
    before = {k: v.clone() for k, v in model.network.state_dict().items()}
    state = torch.get_rng_state()
    with make(model, finetune="lora", lora_rank=2).fit(pair):
        now = {k.replace(".base_layer", ""): v for k, v in model.network.state_dict().items()}
        assert all(torch.equal(now[k], v) for k, v in before.items())
        added = {k: v for k, v in now.items() if k not in before}
        assert added and all("lora_" in k for k in added)
        assert all(v.any() for k, v in added.items() if "lora_B" in k)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.slow
def test_the_solvers_agree_where_steps_are_many(tiny_model):
    model = tiny_model()
    x_T = torch.randn(1, *model.latent_shape, generator=torch.Generator().manual_seed(0))  # noqa: N806
    e, e_null = model.encode_text(["A dog."]), model.encode_text([""])

    def found(sampler, steps):
        return sampler(model, x_T, e, e_null, steps=steps, guidance=1.0).numpy()

    near = np.abs(found(dpm_solver, 200) - found(ddim, 200)).mean()
    far = np.abs(found(dpm_solver, 10) - found(ddim, 200)).mean()
    assert near < far and near < 0.02 * np.abs(found(ddim, 200)).mean()


@pytest.mark.parametrize(
    ("variant", "told"),
    [
        ({"finetune": "LoRA"}, "method.variant.finetune is 'LoRA'. It must be one of full, lora, none"),
        ({"solver": "ddim"}, "method.variant has no solver"),
        ({"lora_rank": 0}, "method.variant.lora_rank is 0"),
    ],
)
def test_wrong_variants_are_told(tiny_model, variant, told):
    with pytest.raises(UserError) as caught:
        make(tiny_model(), **variant)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("variant", "package"), [({"finetune": "lora"}, "peft"), ({"optimizer": "adam8bit"}, "bitsandbytes")]
)
def test_a_package_that_a_variant_lacks_is_told_before_anything_is_fitted(tiny_model, monkeypatch, variant, package):
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    with pytest.raises(UserError, match=f"needs {package}. Install it: pip install"):
        make(tiny_model(), **variant)
