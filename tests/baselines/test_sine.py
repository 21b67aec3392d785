from __future__ import annotations

import pytest
import torch

from baselines.sine import SINE, Guide
from imagic.models.control import Moment
from imagic.models.sampling import ddim
from tedbench.errors import UserError
from tedbench.pair import EditPair, Entry

FINETUNE = {"steps": 2, "lr": 1e-2, "draws": 2, "decay": 0.0, "weights": ""}
SAMPLING = {"steps": 4, "guidance": 3.0}


@pytest.fixture
def pair(noise_image):
    return EditPair(Entry("a.png", "A sitting dog.", "A standing dog."), noise_image(0))


def editor_of(model, **settings):
    return SINE(model, **{"finetune": FINETUNE, "sampling": SAMPLING, "sample_batch": 1, **settings})


def own_sample(model, text, rng):
    x_T = torch.randn(1, *model.latent_shape, generator=rng)  # noqa: N806
    return model.decode(ddim(model, x_T, model.encode_text([text]), model.encode_text([""]), **SAMPLING))[0]


@pytest.mark.parametrize(("settings", "beta"), [({}, 1.0), ({"guided": 0.0}, 0.0)])
def test_where_the_tuned_network_has_no_part_it_is_the_pretrained_ones_sample(tiny_model, pair, settings, beta):
    model = tiny_model()
    with editor_of(model, **settings).fit(pair) as edit:
        (sample,) = edit.sample([(beta, 3)])
    assert (sample.image == own_sample(model, pair.target_text, edit.rng("initial noise", 3))).all()


def test_untuned_and_guided_throughout_its_low_end_is_a_sample_of_the_source_text(tiny_model, pair):
    model = tiny_model()
    with editor_of(model, finetune={**FINETUNE, "steps": 0}, guided=1.0).fit(pair) as edit:
        (sample,) = edit.sample([(0.0, 3)])
    wanted = own_sample(model, pair.source_text, edit.rng("initial noise", 3))
    assert abs(sample.image.astype(int) - wanted).max() <= 1


def test_the_text_is_predicted_by_both_and_the_empty_text_by_the_pretrained_one(tiny_model):
    one, two = tiny_model(), tiny_model()
    with torch.no_grad():
        for value in two.network.parameters():
            value.mul_(1.1)
    null, target, source = (one.encode_text([text]) for text in ("", "A dog.", "A cat on a box."))
    x, t = torch.randn(2, *one.latent_shape), torch.tensor([500, 500])
    beta = torch.tensor([0.25, 0.75])
    guide = Guide(one, two, source, beta, until=2)
    both, twice = type(null).cat([null.expand(2), target.expand(2)]), torch.cat([x, x])
    rows = {(0, "null"): slice(0, 2), (0, "text"): slice(2, 4)}
    for step in (1, 2):
        guide.announce(Moment(step, 4, rows))
        found = guide.predict(twice, t.repeat(2), both)
        mixed = one.predict(x, t, target.expand(2))
        if step < 2:
            weight = beta.reshape(-1, 1, 1, 1)
            mixed = weight * mixed + (1 - weight) * two.predict(x, t, source.expand(2))
        torch.testing.assert_close(found[:2], one.predict(x, t, null.expand(2)))
        torch.testing.assert_close(found[2:], mixed)


def test_the_networks_share_no_memory_and_weights_come_back(tiny_model, pair):
    model = tiny_model()
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    editor = editor_of(model)

    def interrupt(stage, step, steps):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        editor.fit(pair, interrupt)
    with editor.fit(pair):
        assert any(not torch.equal(value, before[name]) for name, value in model.network.state_dict().items())
    for network in (model.network, editor.original.network):
        assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_one_second_copy_of_the_network_is_all_the_memory(tiny_model):
    editor = editor_of(tiny_model())
    own = {value.data_ptr() for value in editor.original.network.state_dict().values()}
    assert own == {value.data_ptr() for value in editor.pretrained.state.values()}


def test_a_compiled_network_is_refused(tiny_model):
    model = tiny_model()
    model.compiled = True
    with pytest.raises(UserError, match=r"numerics\.compile=false"):
        editor_of(model)
