from __future__ import annotations

import numpy as np
import pytest
import torch

from baselines.hiper import HiPer
from imagic.models.text import Text
from tedbench.errors import UserError
from tedbench.pair import EditPair, Entry

EMBEDDING = {"steps": 3, "lr": 1e-2, "draws": 2}
SAMPLING = {"steps": 2, "guidance": 3.0}


@pytest.fixture
def pair(noise_image):
    return EditPair(Entry("a.png", "A sitting dog.", "A standing dog."), noise_image(0))


def editor_of(model, **settings):
    return HiPer(model, **{"embedding": EMBEDDING, "sampling": SAMPLING, **settings})


def test_only_the_last_tokens_are_fitted_and_the_network_stays(tiny_model, pair):
    model = tiny_model()
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    with editor_of(model, tail=4).fit(pair) as edit:
        own = model.encode_text([pair.source_text]).tokens[:, -4:]
        assert edit.hiper.shape == own.shape and 0.01 < (edit.hiper - own).abs().max() <= 0.0301  # three steps of Adam
    assert all(torch.equal(value, before[name]) for name, value in model.network.state_dict().items())


def test_the_target_texts_tokens_stand_before_the_scaled_ones(tiny_model, pair):
    model = tiny_model()
    editor = editor_of(model)
    with editor.fit(pair) as edit:
        e_tgt = model.encode_text([pair.target_text]).tokens
        for strength in (0.0, 0.2, 1.0):
            found = editor.text_at(edit, strength).tokens
            assert torch.equal(found[:, :-5], e_tgt[:, :-5])
            torch.testing.assert_close(found[:, -5:], (1 - strength) * edit.hiper)


def test_faded_to_the_target_it_is_the_models_own_sample_of_the_text(tiny_model, pair):
    editor = editor_of(tiny_model(), fade="target")
    with editor.fit(pair) as edit:
        assert torch.equal(editor.text_at(edit, 1.0).tokens, edit.text.tokens)
        assert not torch.equal(editor.text_at(edit, 0.5).tokens, edit.text.tokens)


def test_without_steps_the_tail_is_the_source_texts_own(tiny_model, pair):
    model = tiny_model()
    with editor_of(model, embedding={**EMBEDDING, "steps": 0}).fit(pair) as edit:
        assert torch.equal(edit.hiper, model.encode_text([pair.source_text]).tokens[:, -5:])


def test_the_fit_repeats(tiny_model, pair):
    one, two = (editor_of(tiny_model()).fit(pair).hiper for _ in range(2))
    assert torch.equal(one, two) and np.isfinite(one.numpy()).all()


def test_a_masked_texts_tail_is_attended_to():
    text = Text(torch.zeros(1, 4, 2), None, torch.tensor([[True, False, False, False]]))
    found = text.with_tail(torch.ones(1, 2, 2))
    assert found.mask.tolist() == [[True, False, True, True]] and text.mask.sum() == 1
    assert found.tokens[0, :, 0].tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("settings", "words"), [({"tail": 48}, "must be less than 48"), ({"embedding": {"steps": 1}}, "steps, lr, draws")]
)
def test_wrong_settings_are_refused(tiny_model, settings, words):
    with pytest.raises(UserError, match=words):
        editor_of(tiny_model(), **settings)
