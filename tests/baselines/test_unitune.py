from __future__ import annotations

import pytest
import torch

from baselines.sdedit import SDEdit
from baselines.unitune import UniTune
from tedbench.datasets.picturebook import PicturebookPairs
from tedbench.errors import UserError
from tedbench.pair import EditPair, Entry

FINETUNE = {"steps": 2, "lr": 1e-2, "draws": 2, "decay": 0.0, "empty": 0.0, "weights": ""}
SAMPLING = {"steps": 4, "guidance": 3.0}
REQUESTS = [(0.25, 0), (0.75, 1), (1.0, 0)]


@pytest.fixture
def pair(noise_image):
    return EditPair(Entry("a.png", "A sitting dog."), noise_image(0))


def editor_of(model, **settings):
    return UniTune(model, **{"finetune": FINETUNE, "sampling": SAMPLING, "rare": "q", **settings})


def images(edit):
    return [sample.image for sample in edit.sample(REQUESTS)]


def test_without_steps_it_is_sdedit_with_the_rare_word_before_the_text(tiny_model, pair):
    model = tiny_model()
    with editor_of(model, finetune={**FINETUNE, "steps": 0}).fit(pair) as edit:
        ours = images(edit)
    sdedit = SDEdit(model, sampling=SAMPLING)
    with sdedit.fit(pair) as edit:  # of the same pair, so that the noise is the same
        plain = images(edit)
        edit.text = model.encode_text(["q A sitting dog."])
        assert all((a == b).all() for a, b in zip(ours, images(edit), strict=True))
    assert any((a != b).any() for a, b in zip(ours, plain, strict=True))


def test_the_network_is_tuned_under_the_rare_word_alone(tiny_model, pair, monkeypatch):
    model, seen = tiny_model(), []
    monkeypatch.setattr("baselines.unitune.finetune", lambda model, x0, e, **settings: seen.append(e))
    with editor_of(model).fit(pair):
        assert torch.equal(seen[0].tokens, model.encode_text(["q"]).tokens)


def test_weights_come_back_after_the_edit_and_after_an_exception(tiny_model, pair):
    model = tiny_model()
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    editor = editor_of(model)

    def interrupt(stage, step, steps):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        editor.fit(pair, interrupt)
    assert all(torch.equal(value, before[name]) for name, value in model.network.state_dict().items())
    with editor.fit(pair) as edit:
        assert any(not torch.equal(value, before[name]) for name, value in model.network.state_dict().items())
    assert all(torch.equal(value, before[name]) for name, value in model.network.state_dict().items())
    with pytest.raises(RuntimeError, match="this edit is closed"):
        images(edit)


@pytest.mark.parametrize("rare", ["", "  "])
def test_an_empty_word_is_refused(tiny_model, rare):
    with pytest.raises(UserError, match="rare is empty"):
        editor_of(tiny_model(), rare=rare)


def test_a_word_that_says_nothing_to_the_model_is_refused(tiny_model):
    model = tiny_model()
    known = model.encode_text
    model.encode_text = lambda texts: known(["" if text == "mmdd" else text for text in texts])
    with pytest.raises(UserError, match=r"does not know recipe\.unitune\.rare='mmdd'"):
        editor_of(model, rare="mmdd")


def test_picturebooks_rare_word_is_in_none_of_its_texts():
    for split in ("all", "search"):
        texts = [
            text
            for entry in PicturebookPairs(64, split=split).entries
            for text in (entry.target_text, entry.source_text)
        ]
        assert texts and not any("q" in text.lower().replace(".", " ").split() for text in texts)


@pytest.mark.parametrize("t0", [0.0, 1.5])
def test_a_t0_that_is_none_is_refused(tiny_model, t0, describe):
    with pytest.raises(UserError, match="above 0 and at most 1"):
        describe(editor_of(tiny_model())).requests([t0], [0])
