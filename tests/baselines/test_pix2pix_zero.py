from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from baselines.pix2pix_zero import CrossMaps, Pix2PixZero
from baselines.regularised_inversion import Regularisation, auto_correlation, divergence, whitened
from imagic.models.batched import Row
from imagic.models.sampling import ddim, invert
from tedbench.build import build
from tedbench.errors import PairError, UserError
from tedbench.method import Editor
from tedbench.pair import EditPair, Entry

SAMPLING = {"steps": 4, "guidance": 3.0, "rate": 0.1}
RULE = {"rounds": 1, "shifts": 2, "auto_correlation": 20.0, "kl": 20.0, "least_shift": 0}
OFF = RULE | {"auto_correlation": 0.0, "kl": 0.0}


@pytest.fixture
def made(tiny_model):
    """Makes the method on the tiny model."""

    def make(kind="epsilon", **changes):
        settings = {"sampling": SAMPLING, "regularisation": RULE, "sample_batch": 2} | changes
        return Pix2PixZero(tiny_model(kind), **settings)

    return make


@pytest.fixture
def pair(noise_image):
    return EditPair(Entry("a.png", "A photo of a cat.", "A photo of a dog.", "dog", "cat"), noise_image(0))


def latents(editor, pair, *scales):
    with editor.fit(pair) as edit:
        return edit, editor.make([Row(edit, scale, 0) for scale in scales])


@pytest.mark.parametrize("moves", ["copies", "shared"])
@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_at_scale_0_the_second_decoding_is_the_first(made, pair, moves, kind):
    editor = made(kind, moves=moves, sampling=SAMPLING | {"rate": 1.0})
    edit, x = latents(editor, pair, 0.0)
    plain = ddim(editor.model, edit.path[0], edit.caption, editor.null, steps=4, guidance=1)
    torch.testing.assert_close(x, plain, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("moves", ["copies", "shared"])
def test_maps_like_the_wanted_ones_move_nothing(made, pair, moves):
    editor, maps = made(moves=moves, sampling=SAMPLING | {"rate": 1.0}), CrossMaps()
    x, t = torch.randn(2, 4, 8, 8), editor.model.process.schedule(4)[1]
    dog, cat = (editor.model.encode_text([text]).expand(2) for text in ("A dog.", "A cat in a tree."))
    with editor.model.attention(maps):
        editor._predict(x, t, dog, 1)
        wanted = maps.take()
        assert {name.rpartition(".")[2] for name in wanted} == {"attn2"}
        assert torch.equal(editor._nearer(x, t, dog, wanted, maps, 1), x)
        assert not torch.equal(editor._nearer(x, t, cat, wanted, maps, 1), x)


def test_a_small_gradient_step_brings_the_maps_nearer(made):
    editor, maps = made(sampling=SAMPLING | {"rate": 0.01}), CrossMaps()
    x, t = torch.randn(1, 4, 8, 8), editor.model.process.schedule(4)[1]
    dog, cat = (editor.model.encode_text([text]) for text in ("A dog.", "A cat in a tree."))

    def maps_of(x, text):
        editor._predict(x, t, text, 1)
        return maps.take()

    with editor.model.attention(maps), torch.no_grad():
        wanted = maps_of(x, dog)
        loss = lambda x: sum(((p - wanted[name]) ** 2).sum() for name, p in maps_of(x, cat).items())
        assert loss(editor._nearer(x, t, cat, wanted, maps, 1)) < loss(x)


def test_without_rate_it_is_negative_prompting_with_a_shifted_embedding(made, pair):
    editor = made(sampling=SAMPLING | {"rate": 0.0})
    edit, x = latents(editor, pair, 0.0, 1.5)
    for scale, found in zip((0.0, 1.5), x, strict=True):
        plain = ddim(editor.model, edit.path[0], edit.shifted(scale), edit.caption, steps=4, guidance=3.0)
        torch.testing.assert_close(found[None], plain, atol=1e-5, rtol=1e-5)


def test_the_rate_and_the_moves_change_the_image(made, pair):
    find = lambda **changes: latents(made(**changes), pair, 1.0)[1]
    strong = SAMPLING | {"rate": 5.0}
    none, copies, shared = (
        find(sampling=SAMPLING | {"rate": 0.0}),
        find(sampling=strong),
        find(sampling=strong, moves="shared"),
    )
    assert not torch.allclose(none, copies) and not torch.allclose(copies, shared)


@pytest.mark.parametrize(("before", "after"), [("dog", "dog"), ("dog", " dog "), ("Dog", "dog")])
def test_equal_objects_give_the_reconstruction_at_every_scale(made, pair, before, after):
    same = EditPair(replace(pair.entry, source_object=before, target_object=after), pair.image)
    edit, x = latents(made(), same, 0.0, 1.5)
    assert all(not part.any() for part in edit.direction)
    torch.testing.assert_close(x[1], x[0], atol=1e-6, rtol=1e-6)


def test_the_direction_is_the_difference_of_the_sentences_means(made, pair):
    from baselines.pix2pix_zero import SENTENCES

    editor = made()
    with editor.fit(pair) as edit:
        dogs, cats = (
            torch.cat([editor.model.encode_text([sentence.replace("{}", word)]).tokens for sentence in SENTENCES])
            for word in ("dog", "cat")
        )
        torch.testing.assert_close(edit.direction[0], (cats.mean(0) - dogs.mean(0))[None])
        torch.testing.assert_close(edit.shifted(2.0).tokens, edit.caption.tokens + 2 * edit.direction[0])


def test_without_regularisation_it_is_plain_inversion_of_all_levels(made, pair):
    editor = made(regularisation=OFF)
    with editor.fit(pair) as edit:
        x0 = editor.model.encode_image(pair.image)
        assert torch.equal(edit.path[0], invert(editor.model, x0, edit.caption, steps=4)[-1])


def test_a_regularisation_that_changes_nothing_leaves_the_inversion(made, pair, monkeypatch):
    import baselines.regularised_inversion as module

    monkeypatch.setattr(module, "whitened", lambda eps, rule, rng: eps)
    for kind in ("epsilon", "v_prediction"):
        editor = made(kind)
        with editor.fit(pair) as edit:
            plain = invert(editor.model, editor.model.encode_image(pair.image), edit.caption, steps=4)[-1]
            torch.testing.assert_close(edit.path[0], plain, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("least", [0, 1])
def test_each_term_brings_noise_nearer_to_white_noise(least):
    torch.manual_seed(0)
    smooth = torch.nn.functional.avg_pool2d(torch.randn(1, 3, 18, 18), 3, 1)[0] * 3 + 0.5
    find = lambda auto, kl: whitened(smooth, Regularisation(5, 5, auto, kl, least), torch.Generator().manual_seed(0))
    score = lambda eps: sum(auto_correlation(eps, torch.Generator().manual_seed(i), 1) for i in range(20))
    assert divergence(find(0.0, 20.0)) < 0.7 * divergence(smooth)
    assert score(find(20.0, 0.0)) < score(smooth) / 2


def test_the_divergence_of_standard_noise_is_0():
    eps = torch.randn(4, 64, 64)
    eps = (eps - eps.mean()) / eps.std()
    assert abs(divergence(eps)) < 1e-5 and divergence(2 * eps) > 1


@pytest.mark.parametrize("side", [2, 3, 8, 12, 64])
@pytest.mark.parametrize("least", [0, 1])
def test_an_image_of_any_size_has_an_auto_correlation(side, least):
    value = auto_correlation(torch.ones(2, side, side), torch.Generator().manual_seed(0), least)
    assert value.item() == pytest.approx(2 * 2 * (1 + sum(side // 2**k > 8 for k in range(6))), rel=1e-4)


def test_a_pair_is_the_same_beside_others_and_for_all_seeds(made, pair, noise_image):
    other = EditPair(Entry("b.png", "A cat.", "A tree.", "tree", "cat"), noise_image(1))
    together = made(fit_batch=2).fit_together([other, pair])[1]
    for seed in (0, 7):
        with made(seed=seed).fit(pair) as alone:
            torch.testing.assert_close(together.path[0], alone.path[0], atol=1e-4, rtol=1e-4)
    editor = made()
    edit, many = latents(editor, pair, 0.0, 1.0, 1.5)
    torch.testing.assert_close(many[1:2], editor.make([Row(edit, 1.0, 0)]), atol=1e-4, rtol=1e-4)


def test_the_processors_are_put_back_after_an_error(made, pair, monkeypatch):
    editor = made()
    with editor.fit(pair) as edit:
        before = dict(editor.model.network.attn_processors)
        x, t = torch.randn(1, 4, 8, 8), editor.model.process.schedule(4)[:1]
        plain = editor.model.predict(x, t, edit.caption)
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(editor, "_nearer", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
            editor.make([Row(edit, 1.0, 0)])
        assert editor.model.network.attn_processors == before and editor.model._controls == []
        assert torch.equal(editor.model.predict(x, t, edit.caption), plain)
        assert not any(parameter.requires_grad for parameter in editor.model.network.parameters())


@pytest.mark.parametrize("lacking", ["source_text", "source_object", "target_object"])
def test_a_pair_without_a_phrase_says_so(made, pair, lacking):
    with pytest.raises(PairError, match=f"needs {lacking}, which the pair a.png.* lacks"):
        made().fit(EditPair(replace(pair.entry, **{lacking: " "}), pair.image))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"moves": "both"}, "method.moves is 'both'. It must be one of copies, shared"),
        ({"regularisation": RULE | {"kl": -1.0}}, "regularisation.kl is -1"),
        ({"regularisation": {}}, "It takes rounds, shifts, auto_correlation, kl, least_shift"),
        ({"sampling": {"steps": 4, "guidance": 1.0}}, "steps, guidance, rate"),
    ],
)
def test_wrong_settings_are_refused(tiny_model, changes, words):
    settings = {"_target_": "baselines.pix2pix_zero.Pix2PixZero", "sampling": SAMPLING, "regularisation": RULE}
    with pytest.raises(UserError, match=words):
        build(settings | changes, Editor, "method", model=tiny_model())
