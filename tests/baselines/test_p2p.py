from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from baselines.local_blend import LocalBlend
from baselines.null_text import null_texts
from baselines.prompt_control import PromptControl
from imagic.models.control import Layer, Moment
from imagic.models.lockstep import Step
from imagic.models.sampling import ddim, invert
from imagic.models.words import Alignment, align
from tedbench.errors import PairError, UserError
from tests.baselines.editors import AFTER, BEFORE, editor_of, latents, pair_with

CROSS, OWN = Layer("up", "cross", "up", 0, 2), Layer("up", "self", "up", 0, 2)
INVERSIONS = ("direct", "ddim", "negative_prompt", "null_text")
GRID = [0.0, 0.5, 1.0]


def inverted(editor, pair):
    model = editor.model
    return invert(model, model.encode_image(pair.image), model.encode_text([pair.source_text]), steps=editor.steps)[
        ::-1
    ]


@pytest.mark.parametrize("inversion", INVERSIONS)
def test_without_control_the_target_text_is_decoded(tiny_model, noise_image, inversion):
    editor, pair = editor_of(tiny_model(), "p2p", inversion=inversion), pair_with(noise_image(0, 16))
    model, path = editor.model, inverted(editor, pair)
    text, source = (model.encode_text([each]) for each in (AFTER, BEFORE))
    found = latents(editor, pair, [1.0])
    if inversion == "null_text":
        assert not torch.allclose(found, latents(editor_of(model, "p2p"), pair, [1.0]), atol=1e-3)
        return
    null = source if inversion == "negative_prompt" else editor.null
    plain = ddim(model, path[0], text, null, steps=editor.steps, guidance=3.0)
    torch.testing.assert_close(found, plain, atol=1e-4, rtol=0)


@pytest.mark.parametrize("inversion", ["ddim", "null_text"])
def test_with_one_text_both_branches_are_equal_whatever_the_control(tiny_model, noise_image, inversion):
    editor = editor_of(tiny_model(), "p2p", inversion=inversion)
    found = latents(editor, pair_with(noise_image(0, 16), after=BEFORE), GRID)
    torch.testing.assert_close(found[1:], found[:1].expand(2, -1, -1, -1), atol=1e-4, rtol=0)


def test_a_strength_is_the_same_beside_others(tiny_model, noise_image):
    editor, pair = editor_of(tiny_model(), "p2p"), pair_with(noise_image(0, 16))
    mixed = latents(editor, pair, GRID)
    assert not torch.allclose(mixed[0], mixed[2], atol=1e-3)
    for i, strength in enumerate(GRID):
        torch.testing.assert_close(latents(editor, pair, [strength] * 3)[0], mixed[i], atol=1e-4, rtol=0)


def control(kind="refine", cross=1.0, own=1.0, weights=None, step=0, begin=0, before="a b c", after="a d c"):
    spans = lambda text: [(i, i + 1) for i in range(0, len(text), 2)]
    found = align(before, spans(before), after, spans(after))
    made = PromptControl(
        Alignment(*(part[None] for part in found)),
        cross,
        own,
        replace=[kind == "replace"],
        weights=weights,
        least_factor=2,
        begin=[begin],
    )
    rows = {(0, "null"): slice(0, 1), (0, "text"): slice(1, 2), (1, "text"): slice(2, 3)}
    made.moment = Moment(step, 10, rows)
    return made


def maps(queries=4, keys=3):
    return torch.rand(3, 2, queries, keys, generator=torch.Generator().manual_seed(0)).softmax(-1)


def test_refine_takes_the_maps_of_shared_words_and_replace_those_of_replaced_words_too():
    p = maps()
    refined = control().probabilities(CROSS, p.clone())
    assert torch.equal(refined[[0, 2]], p[[0, 2]])
    assert torch.equal(refined[1, ..., [0, 2]], p[2, ..., [0, 2]]) and torch.equal(refined[1, ..., 1], p[1, ..., 1])
    replaced = control("replace").probabilities(CROSS, p.clone())
    torch.testing.assert_close(replaced[1], p[2])
    torch.testing.assert_close(replaced.sum(-1), torch.ones(3, 2, 4))


def test_self_attention_is_taken_in_coarse_layers_alone():
    p = maps(keys=4)
    assert torch.equal(control().probabilities(OWN, p.clone())[1], p[2])
    assert control().wants(OWN) and not control().wants(Layer("up", "self", "up", 0, 1))


def test_a_share_of_the_steps_is_controlled():
    p = maps()
    assert torch.equal(control(cross=0.5, step=5).probabilities(CROSS, p.clone()), p)
    assert not torch.equal(control(cross=0.5, step=4).probabilities(CROSS, p.clone()), p)
    assert torch.equal(control(cross=0.0, own=0.0).probabilities(OWN, maps(keys=4)), maps(keys=4))


def test_the_controlled_steps_are_counted_from_the_first_one():
    assert torch.equal(control(cross=0.5, step=9, begin=4).probabilities(CROSS, maps()), maps())
    assert not torch.equal(control(cross=0.5, step=8, begin=4).probabilities(CROSS, maps()), maps())


def test_replaced_words_correspond_one_by_one_and_share_what_is_left():
    spans = lambda text: [(i, i + 1) for i in range(0, len(text), 2)]
    two = align("a b c d", spans("a b c d"), "a x y d", spans("a x y d")).weights
    assert torch.equal(two, torch.eye(4))
    more = align("a b d", spans("a b d"), "a x y d", spans("a x y d")).weights
    assert more[:, 1].tolist() == [0.0, 0.5, 0.5, 0.0] and torch.equal(more.sum(0), torch.ones(3))


def test_reweighting_by_one_changes_nothing():
    p, plain = maps(), control().probabilities(CROSS, maps())
    assert torch.equal(control(weights=torch.ones(1, 3)).probabilities(CROSS, p.clone()), plain)
    doubled = control(weights=torch.tensor([[1.0, 2.0, 1.0]])).probabilities(CROSS, p.clone())
    assert torch.equal(doubled[1, ..., 1], 2 * plain[1, ..., 1]) and torch.equal(doubled[1, ..., 0], plain[1, ..., 0])


def test_null_texts_keep_guidance_on_the_inversion(tiny_model, noise):
    model = tiny_model()
    text, null = (model.encode_text([each]) for each in ("A dog.", ""))
    path = invert(model, noise, text, steps=5)[::-1]
    fit = {"guidance": 7.5, "lr": 1e-2, "threshold": 0.0}
    none, some = (null_texts(model, path, text, null, iterations=n, **fit) for n in (0, 10))
    assert all(torch.equal(each.tokens, null.tokens) for each in none)

    def error(nulls):
        from imagic.models.lockstep import Branch, sample_branches

        (x,) = sample_branches(model, path[:1], [Branch(text, 7.5, nulls)], steps=5)
        return (x - path[-1]).square().mean().item()

    assert error(some) < 0.7 * error(none)
    alone = null_texts(model, path, text, null, iterations=3, **fit | {"guidance": 1.0})
    assert all(torch.equal(each.tokens, null.tokens) for each in alone)


def test_null_texts_of_an_image_serve_all_its_target_texts(tiny_model, noise_image, monkeypatch):
    editor, fits = editor_of(tiny_model(), "null_text"), []
    monkeypatch.setattr("baselines.p2p.null_texts", lambda *a, **k: fits.append(1) or null_texts(*a, **k))
    for image, after in ((0, AFTER), (0, "A photo of a cat."), (1, AFTER)):
        editor.fit(pair_with(noise_image(image, 16), after=after))
    assert len(fits) == 2


def test_replace_takes_texts_of_equal_length_alone(tiny_model, noise_image):
    editor = editor_of(tiny_model(), "p2p", control__kind="replace")
    assert latents(editor, pair_with(noise_image(0, 16)), GRID).isfinite().all()
    with pytest.raises(PairError, match="target_object"):
        editor_of(tiny_model(), "p2p", control__reweight=2.0).fit(pair_with(noise_image(0, 16), target_object=None))
    with pytest.raises(PairError, match="number of words"):
        editor.fit(pair_with(noise_image(0, 16), after="A dog."))


def test_local_blend_keeps_what_the_words_do_not_attend_to():
    words = [([1], [1])]
    blend = LocalBlend(words, factor=2)
    blend.moment = Moment(5, 10, {(0, "text"): slice(0, 1), (1, "text"): slice(1, 2)})
    p = torch.zeros(2, 1, 16, 3)
    p[:, :, 0, 1] = 1  # the words are at the first position of 4²
    blend.probabilities(CROSS, p)
    target, source = torch.ones(1, 2, 8, 8), torch.zeros(1, 2, 8, 8)
    step = Step(5, [target, source])
    blend(step)
    assert step.x[0][..., :4, :4].eq(1).all() and step.x[0][..., 4:, 4:].eq(0).all()  # max-pooling takes one cell more
    early = Step(1, [target, source])
    blend(early)
    assert early.x[0] is target
    blend.moment = replace(blend.moment, steps=9)
    blend(early)  # a fifth of nine steps is one, as in the code
    assert early.x[0] is not target


def test_phrases_that_the_texts_lack_are_told(tiny_model, noise_image):
    editor = editor_of(tiny_model(), "p2p", local_blend=True)
    assert latents(editor, pair_with(noise_image(0, 16)), GRID).isfinite().all()
    with pytest.raises(PairError, match="'cat' is not in"):
        editor.fit(pair_with(noise_image(0, 16), target_object="cat"))
    with pytest.raises(PairError, match="source_object"):
        editor.fit(pair_with(noise_image(0, 16), source_object=None))
    with pytest.raises(UserError, match="blend_factor"):
        latents(
            editor_of(tiny_model(), "p2p", local_blend=True, control__blend_factor=16),
            pair_with(noise_image(0, 16)),
            [0],
        )


def test_attention_is_as_before_after_an_exception(tiny_model, noise_image, monkeypatch):
    editor, pair = editor_of(tiny_model(), "p2p"), pair_with(noise_image(0, 16))
    before = dict(editor.model.network.attn_processors)
    monkeypatch.setattr(PromptControl, "probabilities", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        latents(editor, pair, [0.0])
    assert dict(editor.model.network.attn_processors) == before and not editor.model._controls


def test_texts_alike_or_of_one_word_are_edited(tiny_model, noise_image):
    for before, after in ((AFTER, AFTER), ("Dog", "Cat")):
        assert (
            latents(editor_of(tiny_model(), "p2p"), pair_with(noise_image(0, 16), before, after), GRID).isfinite().all()
        )


def test_self_attention_in_layers_that_the_network_lacks_is_refused(tiny_model):
    with pytest.raises(UserError, match=r"control\.least_factor"):
        editor_of(tiny_model(), "p2p", control__least_factor=64)
    editor_of(tiny_model(), "p2p", control__least_factor=64, control__own=0.0)


def test_settings_out_of_range_are_refused(tiny_model):
    for changes in ({"inversion": "exact"}, {"control__kind": "copy"}, {"control__own": 2.0}, {"null_text__lr": -1.0}):
        with pytest.raises(UserError):
            editor_of(tiny_model(), "p2p", **changes)
