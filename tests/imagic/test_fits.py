from __future__ import annotations

import pytest
import torch

from imagic.editor import Imagic
from imagic.fits import FitStore
from tedbench.errors import UserError
from tedbench.pair import EditPair, Entry

STAGE = {"steps": 3, "lr": 1e-2, "draws": 2}
FINETUNE = {**STAGE, "decay": 0.0, "empty": 0.0}


@pytest.fixture
def pair(noise_image):
    return EditPair(Entry("a.png", "A sitting dog."), noise_image())


def make(model, store=None, guidance=3.0, **variant):
    editor = Imagic(
        model,
        embedding=STAGE,
        finetune=FINETUNE,
        sampling={"steps": 4, "guidance": guidance},
        variant=variant,
        fits=store,
    )
    return editor


def edited(editor, pair, told=None):
    with editor.fit(
        pair, (lambda stage, step, steps: told.append(stage)) if told is not None else lambda *_: None
    ) as edit:
        return [sample.image for sample in edit.sample([(0.0, 0), (0.7, 1)])]


def same(one, other):
    return all((a == b).all() for a, b in zip(one, other, strict=True))


def test_a_kept_embedding_spares_stage_a_and_changes_no_bit(tiny_model, pair, tmp_path):
    store = FitStore(tmp_path, "embedding", {})
    plain = edited(make(tiny_model()), pair)
    assert same(edited(make(tiny_model(), store), pair), plain)
    told = []
    assert same(edited(make(tiny_model(), store), pair, told), plain)
    assert set(told) == {"fine-tuning"}


@pytest.mark.parametrize("finetune", ["full", "lora"])
def test_kept_weights_spare_both_stages_and_are_the_same_new_or_kept(tiny_model, pair, tmp_path, finetune):
    if finetune == "lora":
        pytest.importorskip("peft")
    store = FitStore(tmp_path, "weights", {})
    model = tiny_model()
    before = {k: v.clone() for k, v in model.network.state_dict().items()}
    new = edited(make(model, store, finetune=finetune), pair)
    told = []
    assert same(edited(make(model, store, finetune=finetune), pair, told), new)
    assert not told
    assert not same(edited(make(model, store, guidance=1.0, finetune=finetune), pair, told), new)
    assert not told  # other guidance needs no other fit
    assert all(torch.equal(v, before[k]) for k, v in model.network.state_dict().items())


def test_rounding_kept_weights_hardly_changes_an_edit(tiny_model, pair, tmp_path):
    kept = edited(make(tiny_model(), FitStore(tmp_path, "weights", {})), pair)
    plain = edited(make(tiny_model()), pair)
    assert max(abs(a.astype(int) - b.astype(int)).max() for a, b in zip(kept, plain, strict=True)) <= 8


def test_a_fit_is_found_only_by_what_made_it(tiny_model, pair, noise_image, tmp_path):
    store = FitStore(tmp_path, "embedding", {"seed": 0})
    other_text = EditPair(Entry("a.png", "A jumping dog."), pair.image)
    other_image = EditPair(Entry("a.png", "A sitting dog."), noise_image(1))
    paths = [store.path(p) for p in (pair, other_text, other_image)]
    paths += [FitStore(tmp_path, *k).path(pair) for k in (("embedding", {"seed": 1}), ("weights", {"seed": 0}))]
    assert len(set(paths)) == 5


def test_a_damaged_fit_is_told(tiny_model, pair, tmp_path):
    store = FitStore(tmp_path, "embedding", {})
    store.path(pair).write_bytes(b"no fit")
    with pytest.raises(UserError, match="Delete it"):
        make(tiny_model(), store).fit(pair)
