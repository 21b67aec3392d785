"""Edit-friendly inversion, CycleDiffusion and Cycle-SDE: what the three chains share, and where they differ."""

from __future__ import annotations

import pytest
import torch

from imagic.models.noise_maps import noise_maps
from tedbench.errors import PairError, UserError
from tests.baselines.editors import AFTER, BEFORE, editor_of, latents, pair_with

CONTROL = {"cross": 0.5, "own": 0.5, "kind": "replace", "least_factor": 2}
METHODS = ("edit_friendly", "cycle_diffusion", "cycle_sde")


@pytest.fixture(params=METHODS)
def method(request):
    return request.param


def test_noise_maps_that_do_not_fit_into_memory_take_fewer_steps_at_once(tiny_model, noise_image, monkeypatch):
    pair, found = pair_with(noise_image(0, 16)), []
    for most in (100, 2):
        editor = editor_of(tiny_model(), "edit_friendly", sample_batch=4)
        plain = editor.model.predict

        def predict(x, t, e, plain=plain, most=most):
            if len(x) > most:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return plain(x, t, e)

        monkeypatch.setattr(editor.model, "predict", predict)
        with editor.fit(pair) as edit:
            found.append(edit.maps(0).residuals)
    torch.testing.assert_close(found[0], found[1], atol=1e-4, rtol=0)


@pytest.mark.parametrize("guidance", [1.0, 3.5])
def test_the_source_text_gives_the_input_back_from_any_start(tiny_model, noise_image, method, guidance):
    editor = editor_of(tiny_model(), method, sampling__guidance=guidance, sampling__source_guidance=guidance)
    pair = pair_with(noise_image(0, 16), after=BEFORE)
    wanted = editor.model.encode_image(pair.image).expand(3, -1, -1, -1)
    torch.testing.assert_close(latents(editor, pair, [0.25, 0.5, 1.0]), wanted, atol=1e-4, rtol=0)


def test_start_0_is_the_input_bit_by_bit(tiny_model, noise_image, method):
    editor, pair = editor_of(tiny_model(), method), pair_with(noise_image(0, 16))
    found = latents(editor, pair, [0.0, 1.0, 0.5])
    assert torch.equal(found[:1], editor.model.encode_image(pair.image))
    assert torch.equal(latents(editor, pair, [0.0, 0.0, 0.0])[:1], found[:1])


def test_a_start_is_the_same_beside_others(tiny_model, noise_image, method):
    editor, pair = editor_of(tiny_model(), method), pair_with(noise_image(0, 16))
    mixed = latents(editor, pair, [1.0, 0.25, 0.5])
    for i, start in enumerate([1.0, 0.25, 0.5]):
        torch.testing.assert_close(latents(editor, pair, [start] * 3)[0], mixed[i], atol=1e-5, rtol=0)


def test_a_seed_draws_its_own_chain(tiny_model, noise_image, method):
    editor, pair = editor_of(tiny_model(), method), pair_with(noise_image(0, 16))
    one, two = (latents(editor, pair, [1.0], seed) for seed in (0, 1))
    assert torch.equal(one, latents(editor, pair, [1.0], 0)) and not torch.allclose(one, two, atol=1e-3)


def test_the_empty_text_needs_no_source_text(tiny_model, noise_image, method):
    pair = pair_with(noise_image(0, 16), before=None)
    with pytest.raises(PairError, match="source_text"):
        editor_of(tiny_model(), method).fit(pair)
    assert latents(editor_of(tiny_model(), method, source="empty"), pair, [1.0]).isfinite().all()


def test_attention_control_changes_the_edit_and_its_absence_does_not(tiny_model, noise_image, method):
    model, pair = tiny_model(), pair_with(noise_image(0, 16))
    plain = latents(editor_of(model, method), pair, [1.0])
    off, on = (
        latents(editor_of(model, method, control=CONTROL | {"cross": share, "own": share}), pair, [1.0])
        for share in (0.0, 1.0)
    )
    torch.testing.assert_close(off, plain, atol=1e-4, rtol=0)
    assert not torch.allclose(on, plain, atol=1e-3)
    inside = [latents(editor_of(model, method, control=c), pair, [0.5]) for c in (None, CONTROL)]
    assert not torch.allclose(*inside, atol=1e-3)  # steps are counted from the start
    with pytest.raises(UserError, match="source_text"):
        editor_of(model, method, control=CONTROL, source="empty")


@pytest.mark.parametrize(("chain", "large"), [("independent", True), ("markov", False), ("posterior", False)])
def test_only_independent_noise_gives_large_maps_that_alternate(gaussian_vp, chain, large):
    model, generator = gaussian_vp, torch.Generator().manual_seed(0)
    x0 = 0.7 + 0.5 * torch.randn(1, 4, 32, 32, generator=generator)
    text, steps = model.encode(0.7), 50
    maps = noise_maps(
        model,
        x0,
        text,
        text,
        steps=steps,
        chain=chain,
        noise=lambda i: torch.randn(1, 4, 32, 32, generator=generator),
        batch=8,
    )
    levels = model.process.schedule(steps)
    z = [maps.residuals[i] / model.process.std(levels[i], levels[i + 1]) for i in range(20, 30)]
    spread = torch.stack(z).std().item()
    neighbours = torch.corrcoef(torch.stack([torch.cat(z[:-1]).flatten(), torch.cat(z[1:]).flatten()]))[0, 1].item()
    if large:
        assert spread > 1.5 and neighbours < -0.3
    else:
        assert spread == pytest.approx(1, abs=0.1) and abs(neighbours) < 0.05


def test_self_attention_in_layers_that_the_network_lacks_is_refused(tiny_model, method):
    with pytest.raises(UserError, match=r"control\.least_factor"):
        editor_of(tiny_model(), method, control=CONTROL | {"least_factor": 64})


def test_settings_out_of_range_are_refused(tiny_model, method):
    for changes in (
        {"sampling__steps": 0},
        {"sampling__ddim_eta": 2.0},
        {"source": "caption"},
        {"control": {"cross": 1}},
    ):
        with pytest.raises(UserError):
            editor_of(tiny_model(), method, **changes)


def test_texts_alike_or_of_one_word_are_edited(tiny_model, noise_image, method):
    for before, after in ((AFTER, AFTER), ("Dog", "Cat")):
        editor = editor_of(tiny_model(), method, control=CONTROL)
        assert latents(editor, pair_with(noise_image(0, 16), before, after), [1.0]).isfinite().all()
