from __future__ import annotations

import re

import pytest
import torch

from baselines.forgedit import Forgedit, project, ratios
from baselines.forgetting import GROUPS, forgotten
from imagic.models.sampling import ddim
from imagic.models.text import Text
from tedbench.build import build
from tedbench.errors import UserError
from tedbench.method import Editor
from tedbench.pair import EditPair, Entry

FINETUNE = {
    "steps": 2, "lr": 1e-3, "text_lr": 1e-2, "draws": 2, "decay": 0.0, "empty": 0.0, "weights": "_blocks",
    "stop_loss": 0.0, "stop_after": 0,
}  # fmt: skip
SAMPLING = {"steps": 2, "guidance": 3.0}


@pytest.fixture
def pair(noise_image):
    return EditPair(Entry("a.png", "A sitting dog.", "A standing dog."), noise_image(0))


def editor_of(model, **settings):
    return Forgedit(model, **{"finetune": FINETUNE, "sampling": SAMPLING, "sample_batch": 1, **settings})


def state(model):
    return {name: value.clone() for name, value in model.network.state_dict().items()}


def same(one, two):
    return all(torch.equal(one[name], two[name]) for name in one)


def texts(seed=0):
    rng = torch.Generator().manual_seed(seed)
    return Text(torch.randn(1, 5, 8, generator=rng), torch.randn(1, 8, generator=rng))


def test_the_edit_is_at_right_angles_to_the_source_in_every_row():
    src, tgt = texts(0), texts(1)
    edit = project(src, tgt, alpha=0.0, beta=1.0)
    for e, s in zip(edit.parameters(), src.parameters(), strict=True):
        torch.testing.assert_close((e * s).sum(-1), torch.zeros(e.shape[:-1]), atol=1e-5, rtol=0)
    for e, r, t, s in zip(
        edit.parameters(), map(ratios, tgt.parameters(), src.parameters()), tgt.parameters(), src.parameters(),
        strict=True,
    ):  # fmt: skip
        torch.testing.assert_close(r * s + e, t)  # α = r and β = 1 are the target text


def test_a_target_that_is_the_source_adds_nothing():
    src = texts()
    assert project(src, src, 0.0, 1.0).tokens.abs().max() < 1e-5
    torch.testing.assert_close(project(src, src, 0.8, 2.0).tokens, 0.8 * src.tokens, atol=1e-5, rtol=0)


def test_a_row_of_zeros_projects_to_numbers():
    assert torch.isfinite(project(Text(torch.zeros(1, 2, 4)), Text(torch.ones(1, 2, 4)), 1.0, 1.0).tokens).all()


def test_without_steps_it_samples_the_models_own_texts(tiny_model, pair):
    model = tiny_model()
    editor = editor_of(model, finetune={**FINETUNE, "steps": 0}, combine="subtraction")
    with editor.fit(pair) as edit:
        (sample,) = edit.sample([(1.0, 3)])
        x_T = torch.randn(1, *model.latent_shape, generator=edit.rng("initial noise", 3))  # noqa: N806
    own = ddim(model, x_T, model.encode_text([pair.target_text]), model.encode_text([""]), **SAMPLING)
    assert (sample.image == model.decode(own)[0]).all()


def test_text_and_network_are_fitted_each_at_its_own_rate(tiny_model, pair):
    model = tiny_model()
    before, e_src = state(model), model.encode_text([pair.source_text])
    with editor_of(model, finetune={**FINETUNE, "weights": r"up_blocks\.1"}).fit(pair) as edit:
        changed = {name for name, value in state(model).items() if not torch.equal(value, before[name])}
        assert changed and all("up_blocks.1" in name for name in changed)
        assert 0.005 < (edit.e_src.tokens - e_src.tokens).abs().max() <= 0.0201  # two steps of Adam
        assert not edit.e_src.tokens.requires_grad
    with editor_of(model, finetune={**FINETUNE, "text_lr": 0.0}).fit(pair) as edit:
        assert torch.equal(edit.e_src.tokens, e_src.tokens) and not same(state(model), before)
    assert same(state(model), before)


def test_weights_are_as_before_after_an_exception_in_the_fit_and_in_the_sampling(tiny_model, pair, monkeypatch):
    model = tiny_model()
    before, editor = state(model), editor_of(model, forget="encoder")

    def interrupt(stage, step, steps):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        editor.fit(pair, interrupt)
    assert same(state(model), before)
    with pytest.raises(RuntimeError), editor.fit(pair) as edit:
        tuned = state(model)
        monkeypatch.setattr("baselines.forgedit.ddim", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            list(edit.sample([(1.0, 0)]))
        assert same(state(model), tuned) and not same(tuned, before)
        raise RuntimeError
    assert same(state(model), before)


@pytest.mark.parametrize(("forget", "like"), [("none", "tuned"), ("all", "pretrained"), ("encoder", "both")])
def test_what_is_forgotten_is_pretrained_while_sampling(tiny_model, pair, monkeypatch, forget, like):
    model, seen = tiny_model(), {}
    before = state(model)
    monkeypatch.setattr("baselines.forgedit.ddim", lambda m, x, *_, **__: seen.update(state(m)) or x)
    with editor_of(model, forget=forget).fit(pair) as edit:
        tuned = state(model)
        list(edit.sample([(1.0, 0)]))
        wanted = {name: before[name] if "down_blocks" in name else tuned[name] for name in tuned}
        assert same(seen, {"tuned": tuned, "pretrained": before, "both": wanted}[like])


def test_groups_keep_what_their_names_say(tiny_model):
    names = list(tiny_model().network.state_dict())
    for name in GROUPS.keys() - {"none", "all", "encoder", "decoder", "decoder_except_attention_and_2"}:
        place, kept = name.split("_except_")
        half = "down_blocks" if place == "encoder" else "up_blocks"
        part = {"attention": r"attn[12]\.", "kv": r"attn2\.to_[kv]\.", "attention_and_1": r"attn[12]\.|blocks\.1\."}[
            kept
        ]
        found = {each for each in names if re.search(forgotten(name, names), each)}
        assert found == {each for each in names if each.startswith(half) and not re.search(part, each)}


@pytest.mark.parametrize(("forget", "what"), [("decoder_except_attention", "keeps"), ("encoder", "forgets")])
def test_a_group_that_matches_nothing_is_refused(forget, what):
    with pytest.raises(UserError, match=rf"method.forget={forget} {what} nothing.*Give method.forget=none"):
        forgotten(forget, ["up_blocks.0.conv.weight"])


def test_the_fit_ends_below_a_loss(tiny_model, pair):
    taken = []
    early = {**FINETUNE, "steps": 9, "stop_loss": 1e9, "stop_after": 5}
    with editor_of(tiny_model(), finetune=early).fit(pair, lambda stage, step, steps: taken.append(step)):
        assert taken == [1, 2, 3]  # of two draws each: the fourth step's loss is the first that counts


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"forget": "everything"}, "method.forget is 'everything'. It must be one of none, all, encoder"),
        ({"combine": "sum"}, "one of projection, subtraction"),
        ({"finetune": {**FINETUNE, "weights": "("}}, r"finetune.weights is '\('. It must be a regular expression"),
        ({"finetune": {**FINETUNE, "weights": "nothing"}}, "is called like 'nothing'"),
        ({"finetune": {"steps": 1}}, "It takes steps, lr"),
        ({"alpha": -1}, "method.alpha is -1"),
    ],
)
def test_wrong_settings_are_refused(tiny_model, settings, words):
    given = {"_target_": "baselines.forgedit.Forgedit", "finetune": FINETUNE, "sampling": SAMPLING, **settings}
    with pytest.raises(UserError, match=words):
        build(given, Editor, "method", model=tiny_model())
    if "nothing" not in words and "alpha" not in words and "combine" not in settings:
        with pytest.raises(UserError, match=words):
            Forgedit.describe({key: value for key, value in given.items() if key != "_target_"})
