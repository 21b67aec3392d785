from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

import baselines.blended as module
from baselines.blended import Blended, latent_mask
from baselines.sdedit import SDEdit
from imagic.models.batched import Row
from imagic.models.sampling import ddim
from tedbench.build import build
from tedbench.errors import PairError, UserError
from tedbench.method import Editor
from tedbench.pair import EditPair, Entry

RULE = {"draws": 2, "level": 0.5, "clamp": 3.0, "scale": "range", "threshold": 0.5}
SAMPLING = {"steps": 6, "guidance": 3.0}
LEFT = np.arange(16)[None].repeat(16, axis=0) < 8


@pytest.fixture
def made(tiny_model):
    """Makes the method on the tiny model."""

    def make(kind="epsilon", **changes):
        settings = {"sampling": SAMPLING, "difference": RULE, "sample_batch": 2, "mask": "pair"} | changes
        return Blended(tiny_model(kind), **settings)

    return make


@pytest.fixture
def masked(noise_image):
    """Makes a pair with a mask."""

    def make(mask=LEFT):
        entry = Entry("a.png", "A sitting dog.", "A dog.", mask="mask.png")
        return EditPair(entry, noise_image(0), mask=None if mask is None else np.broadcast_to(mask, (16, 16)))

    return make


def latents(editor, pair, requests):
    with editor.fit(pair) as edit:
        return edit, editor.make([Row(edit, strength, seed) for strength, seed in requests])


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_at_0_with_an_empty_mask_and_outside_of_one_it_is_the_input_bit_for_bit(made, masked, kind):
    editor = made(kind)
    for mask, requests in ((LEFT, [(0.0, 0), (0.0, 1)]), (False, [(0.5, 0), (1.0, 0)])):
        edit, x = latents(editor, masked(mask), requests)
        assert torch.equal(x, edit.x0.expand(2, -1, -1, -1))
    edit, x = latents(editor, masked(), [(0.5, 0), (1.0, 0)])
    assert torch.equal(x[..., 4:], edit.x0.expand(2, -1, -1, -1)[..., 4:])
    assert ((x - edit.x0)[..., :4].abs() > 1e-4).any(1).all()


def test_a_full_mask_is_sdedit_along_the_differential_equation(made, masked, tiny_model):
    requests = [(0.5, 0), (1.0, 0), (1.0, 1)]
    _, ours = latents(made(), masked(True), requests)
    _, theirs = latents(SDEdit(tiny_model(), sampling=SAMPLING, stochasticity=0), masked(True), requests)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_a_full_mask_at_1_is_a_sample_from_the_noised_input(made, masked):
    editor = made()
    edit, x = latents(editor, masked(True), [(1.0, 0)])
    noise = editor.noise([Row(edit, 1.0, 0)], "initial noise")
    begun = editor.model.process.mix(edit.x0, noise, editor.levels[0])
    plain = ddim(editor.model, begun, edit.text, editor.null, steps=6, guidance=3.0)
    torch.testing.assert_close(x, plain, atol=1e-5, rtol=1e-5)


def test_around_the_mask_is_the_input_at_the_level_after_the_step(made, masked, monkeypatch):
    editor, seen = made(), []

    def watched(*args, callback, **settings):
        def both(step):
            callback(step)
            seen.append((step.index, step.x[0].clone()))

        return original(*args, callback=both, **settings)

    original = module.sample_branches
    monkeypatch.setattr(module, "sample_branches", watched)
    edit, _ = latents(editor, masked(), [(1.0, 0)])
    row = Row(edit, 1.0, 0)
    for index, x in seen[:-1]:
        fresh = editor.noise([row], "background noise", index + 1)
        wanted = editor.model.process.mix(edit.x0, fresh, editor.levels[index + 1])
        assert torch.equal(x[..., 4:], wanted[..., 4:])
    assert torch.equal(seen[-1][1][..., 4:], edit.x0[..., 4:])


def test_a_row_is_the_same_beside_others(made, masked):
    requests = [(0.0, 0), (0.25, 0), (0.5, 1), (1.0, 0)]
    _, many = latents(made(), masked(), requests)
    for request, x in zip(requests, many, strict=True):
        torch.testing.assert_close(x[None], latents(made(), masked(), [request])[1], atol=1e-5, rtol=1e-5)


def test_seeds_repeat_and_differ(made, masked):
    find = partial(latents, made(), masked())
    first, again, other = (find([(0.8, seed)])[1] for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_diffedits_mask_is_used_unless_the_pairs_own_is_asked_for(made, masked):
    pair = masked()
    edit, _ = latents(made(mask="diffedit"), pair, [(0.5, 0)])
    assert 0 < edit.masks[0].sum() < 64
    assert latents(made(), pair, [(0.5, 0)])[0].masks == {}
    bare = EditPair(Entry("a.png", "A cat."), pair.image)
    with made(mask="diffedit").fit(bare) as edit:
        assert len(list(edit.sample([(0.5, 0)]))) == 1


def test_one_text_for_both_is_an_empty_mask(made, noise_image):
    same = EditPair(Entry("a.png", "A dog.", "A dog."), noise_image(0))
    edit, x = latents(made(mask="diffedit", reference="source"), same, [(1.0, 0)])
    assert torch.equal(x, edit.x0)


@pytest.mark.parametrize("change", [{"mask": None}, {"mask": "  "}])
def test_a_pair_without_a_mask_says_so_in_one_line(made, masked, change):
    bare = EditPair(Entry("a.png", "A cat.", **change), masked().image)
    with pytest.raises(PairError, match=r"^Blended needs mask, which the pair a\.png.* lacks\. [^\n]*$"):
        made().fit(bare)
    with pytest.raises(PairError, match=r"^The pair a\.png.* names a mask that its dataset does not read[^\n]*$"):
        made().fit(masked(None))
    settings = {"sampling": SAMPLING, "difference": RULE}
    assert Blended.describe(settings | {"mask": "pair"}).needs == ("mask",)
    assert Blended.describe(settings | {"mask": "diffedit"}).needs == ()


def test_a_mask_in_the_size_of_the_latents_has_the_positions_that_are_half_marked():
    mask = torch.zeros(16, 16, dtype=torch.bool)
    mask[:2, :3] = True
    mask[4, 4] = True
    assert latent_mask(mask, (4, 8, 8)).nonzero()[:, 2:].tolist() == [[0, 0], [0, 1]]
    thin = torch.zeros(16, 16, dtype=torch.bool)
    thin[5, 3] = True
    assert latent_mask(thin, (6, 8, 8)).nonzero()[:, 2:].tolist() == [[2, 1]]
    assert not latent_mask(torch.zeros(16, 16, dtype=torch.bool), (4, 8, 8)).any()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mask": "mine"}, "method.mask is 'mine'. It must be one of diffedit, pair"),
        ({"difference": RULE | {"level": 1.5}}, "difference.level is 1.5"),
        ({"sampling": {"steps": 4}}, "steps, guidance"),
    ],
)
def test_wrong_settings_are_refused(tiny_model, changes, words):
    settings = {"_target_": "baselines.blended.Blended", "sampling": SAMPLING, "difference": RULE} | changes
    with pytest.raises(UserError, match=words):
        build(settings, Editor, "method", model=tiny_model())


@pytest.mark.parametrize("mask", [np.zeros((8, 8), dtype=bool), np.zeros((16, 16), dtype=np.uint8)])
def test_a_mask_of_another_kind_is_no_pairs_mask(noise_image, mask):
    with pytest.raises(ValueError, match="mask of a"):
        EditPair(Entry("a.png", "A dog."), noise_image(0), mask=mask)
