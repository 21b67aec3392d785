from __future__ import annotations

import numpy as np
import pytest
import torch

from baselines.diffedit import DiffEdit
from baselines.diffedit_mask import Rule, binary, difference_map
from imagic.errors import DivergedError
from imagic.models.sampling import ddim, invert
from tedbench.build import build
from tedbench.errors import PairError, UserError
from tedbench.method import Editor
from tedbench.pair import EditPair, Entry

RULE = {"draws": 2, "level": 0.5, "clamp": 3.0, "scale": "range", "threshold": 0.5}
SAMPLING = {"steps": 6, "guidance": 3.0}


@pytest.fixture
def made(tiny_model):
    """Makes the method on the tiny model."""

    def make(kind="epsilon", **changes):
        settings = {"sampling": SAMPLING, "difference": RULE, "sample_batch": 2} | changes
        return DiffEdit(tiny_model(kind), **settings)

    return make


@pytest.fixture
def pair(noise_image):
    return EditPair(Entry("a.png", "A sitting dog.", "A standing dog."), noise_image(0))


def latents(editor, pair, requests, mask=None):
    """x0 of each request; with the given mask in place of the method's own."""
    from imagic.models.batched import Row

    with editor.fit(pair) as edit:
        if mask is not None:
            edit.masks = dict.fromkeys({seed for _, seed in requests}, mask)
        return edit, editor.make([Row(edit, strength, seed) for strength, seed in requests])


EMPTY, FULL = torch.zeros(1, 1, 8, 8, dtype=torch.bool), torch.ones(1, 1, 8, 8, dtype=torch.bool)
HALF = torch.arange(8).repeat(8, 1)[None, None] < 4


@pytest.mark.parametrize("encoding", ["ode", "sde"])
@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_without_encoding_and_outside_the_mask_it_is_the_input_bit_for_bit(made, pair, encoding, kind):
    editor = made(kind, encoding=encoding)
    edit, x = latents(editor, pair, [(0.0, 0), (0.0, 3)])
    assert torch.equal(x, edit.x0.expand(2, -1, -1, -1))
    edit, x = latents(editor, pair, [(0.5, 0), (1.0, 0)], EMPTY)
    assert torch.equal(x, edit.x0.expand(2, -1, -1, -1))
    edit, x = latents(editor, pair, [(0.5, 0), (1.0, 0)], HALF)
    assert torch.equal(x[..., 4:], edit.x0.expand(2, -1, -1, -1)[..., 4:])
    assert ((x - edit.x0)[..., :4].abs() > 1e-4).any(1).all()


def test_after_each_step_the_outside_is_the_encoding_at_the_same_level(made, pair, monkeypatch):
    import baselines.diffedit as module

    editor, seen = made(), []

    def watched(*args, callback, **settings):
        def both(step):
            callback(step)
            seen.append((step.index, step.x[0].clone()))

        return original(*args, callback=both, **settings)

    original = module.sample_branches
    monkeypatch.setattr(module, "sample_branches", watched)
    edit, _ = latents(editor, pair, [(1.0, 0)], HALF)
    path = invert(editor.model, edit.x0, editor.null, steps=6)[::-1]
    assert [index for index, _ in seen] == list(range(6))
    for index, x in seen:
        assert torch.equal(x[..., 4:], path[index + 1][..., 4:])


def test_a_full_mask_at_ratio_1_is_ddib_from_the_empty_text(made, pair):
    editor = made()
    edit, x = latents(editor, pair, [(1.0, 0)], FULL)
    noise = invert(editor.model, edit.x0, editor.null, steps=6)[-1]
    torch.testing.assert_close(
        x, ddim(editor.model, noise, edit.text, editor.null, steps=6, guidance=3.0), atol=1e-5, rtol=1e-5
    )


def test_a_smaller_ratio_begins_at_the_encoding_of_its_level(made, pair):
    editor = made()
    edit, x = latents(editor, pair, [(0.5, 0), (1.0, 0)], FULL)
    path = invert(editor.model, edit.x0, editor.null, steps=6)[::-1]
    begun = ddim(editor.model, path[3], edit.text, editor.null, steps=6, guidance=3.0, start=[3])
    torch.testing.assert_close(x[:1], begun, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("encoding", ["ode", "sde"])
def test_one_text_for_both_is_an_empty_mask(made, noise_image, encoding):
    same = EditPair(Entry("a.png", "A dog.", "A dog."), noise_image(0))
    edit, x = latents(made(reference="source", encoding=encoding), same, [(1.0, 0)])
    assert torch.equal(edit.masks[0], EMPTY) and torch.equal(x, edit.x0)


def test_with_one_text_the_stochastic_encoding_gives_the_input_back(made, noise_image):
    same = EditPair(Entry("a.png", "A dog.", "A dog."), noise_image(0))
    edit, x = latents(made(reference="source", encoding="sde"), same, [(0.5, 0), (1.0, 1)], FULL)
    torch.testing.assert_close(x, edit.x0.expand(2, -1, -1, -1), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("scale", ["range", "mean"])
@pytest.mark.parametrize("value", [0.0, 0.3])
@pytest.mark.parametrize("clamp", [0.5, 1.5, 3.0])
def test_a_constant_map_is_an_empty_mask(scale, value, clamp):
    assert not binary(torch.full((4, 4), value), Rule(**RULE | {"scale": scale, "clamp": clamp})).any()


def test_the_two_scales_of_a_map():
    found = torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.2, 1.4], [1.4, 1.6, 1.5]])  # mean 1.233
    by_range = binary(found, Rule(**RULE))
    assert by_range.tolist() == [[False] * 3, [False, False, True], [True, True, True]]
    assert not binary(found, Rule(**RULE | {"scale": "mean"})).any()  # nothing above 1.5 times the mean
    found[0, 0] = 90.0  # an outlier: cut at 3 times the mean of 11.1, above the rest in both
    assert binary(found, Rule(**RULE)).nonzero().tolist() == [[0, 0]]
    assert binary(found, Rule(**RULE | {"scale": "mean"})).nonzero().tolist() == [[0, 0]]


def test_the_map_is_the_mean_of_the_draws(tiny_model):
    model = tiny_model()
    x0, noise, t = torch.randn(1, 4, 8, 8), torch.randn(6, 4, 8, 8), model.process.schedule(6)[3]
    one, two = model.encode_text(["A dog."]), model.encode_text(["A red tree."])
    each = [difference_map(model, x0, one, two, t, noise[i : i + 1]) for i in range(6)]
    torch.testing.assert_close(difference_map(model, x0, one, two, t, noise), torch.stack(each).mean(0))
    assert not difference_map(model, x0, one, one, t, noise).any()


def test_a_map_of_rounding_errors_is_none(tiny_model, monkeypatch):
    model = tiny_model()
    plain = model.predict
    monkeypatch.setattr(
        model, "predict", lambda x, t, e: plain(x, t, e) * (1 + 1e-7 * torch.arange(len(x)))[:, None, None, None]
    )
    x0, noise, t = torch.randn(1, 4, 8, 8), torch.randn(2, 4, 8, 8), model.process.schedule(6)[3]
    dog = model.encode_text(["A dog."])
    alike = dog.with_parameters([dog.tokens + 1e-12])
    assert not difference_map(model, x0, dog, alike, t, noise).any()


def test_predictions_that_are_not_finite_are_no_empty_mask(made, pair, monkeypatch):
    editor = made()
    monkeypatch.setattr(editor.model, "predict", lambda x, t, e: torch.full_like(x, torch.nan))
    with editor.fit(pair) as edit, pytest.raises(DivergedError, match="mask"):
        list(edit.sample([(0.5, 0)]))


def test_a_mask_that_does_not_fit_into_memory_takes_one_noise_at_a_time(made, pair, monkeypatch):
    def mask(most):
        editor = made()
        plain = editor.model.predict

        def predict(x, t, e):
            if len(x) > most:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return plain(x, t, e)

        monkeypatch.setattr(editor.model, "predict", predict)
        with editor.fit(pair) as edit:
            return edit.mask(editor.model, Rule(**RULE), editor.steps, 0)

    assert torch.equal(mask(4), mask(2))


@pytest.mark.parametrize("encoding", ["ode", "sde"])
def test_a_row_is_the_same_beside_other_ratios(made, pair, encoding):
    requests = [(0.0, 0), (0.5, 0), (1.0, 0), (0.5, 1)]
    _, many = latents(made(encoding=encoding), pair, requests)
    for request, x in zip(requests, many, strict=True):
        _, alone = latents(made(encoding=encoding), pair, [request])
        torch.testing.assert_close(x[None], alone, atol=1e-4, rtol=1e-4)


def test_seeds_repeat_and_differ(made, pair):
    editor = made(encoding="sde")
    first, again, other = (latents(editor, pair, [(0.8, seed)])[1] for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_a_mask_is_computed_once_for_all_ratios_of_a_seed(made, pair, monkeypatch):
    import baselines.diffedit_mask as module

    calls = []
    original = module.difference_map
    monkeypatch.setattr(module, "difference_map", lambda *args, **more: calls.append(1) or original(*args, **more))
    with made().fit(pair) as edit:
        assert len(list(edit.sample([(0.2, 0), (0.6, 0), (1.0, 0), (1.0, 1)]))) == 4
    assert len(calls) == 2


def test_the_reference_of_the_source_text_needs_one(made, noise_image):
    bare = EditPair(Entry("a.png", "A cat."), noise_image(0))
    with pytest.raises(PairError, match="needs source_text"):
        made(reference="source").fit(bare)
    assert DiffEdit.describe({"sampling": SAMPLING, "difference": RULE, "reference": "source"}).needs == (
        "source_text",
    )
    with made().fit(bare) as edit:
        assert edit.reference.written == ("",)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reference": "target"}, "method.reference is 'target'. It must be one of empty, source"),
        ({"encoding": "both"}, "ode, sde"),
        ({"difference": RULE | {"scale": "max"}}, r"difference.scale is 'max'. It must be one of range, mean"),
        ({"difference": RULE | {"draws": 0}}, "difference.draws is 0"),
        ({"difference": {}}, "It takes draws, level, clamp, scale, threshold"),
        ({"sampling": {"steps": 5000, "guidance": 1.0}}, "1000 timesteps"),
    ],
)
def test_wrong_settings_are_refused(tiny_model, changes, words):
    settings = {"_target_": "baselines.diffedit.DiffEdit", "sampling": SAMPLING, "difference": RULE} | changes
    with pytest.raises(UserError, match=words):
        build(settings, Editor, "method", model=tiny_model())


def test_images_are_those_of_the_latents(made, pair):
    editor = made()
    with editor.fit(pair) as edit:
        (sample,) = edit.sample([(0.0, 0)])
        assert np.array_equal(sample.image, editor.model.decode(edit.x0)[0])
