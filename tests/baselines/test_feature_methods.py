"""MasaCtrl and Plug-and-Play: features of the inversion in the target's decoding."""

from __future__ import annotations

import pytest
import torch

from baselines.masactrl import MutualAttention
from imagic.models.attention import attention_layers
from imagic.models.control import Layer, Moment
from imagic.models.sampling import ddim, invert
from tedbench.errors import PairError, UserError
from tests.baselines.editors import AFTER, BEFORE, editor_of, latents, pair_with

METHODS = ("masactrl", "pnp")


@pytest.fixture(params=METHODS)
def method(request):
    return request.param


def test_without_control_the_target_text_is_decoded(tiny_model, noise_image, method):
    editor = editor_of(tiny_model(), method, sampling__guidance=3.0)
    model, pair = editor.model, pair_with(noise_image(0, 16))
    x_T = invert(model, model.encode_image(pair.image), editor.null, steps=editor.steps)[-1]  # noqa: N806
    plain = ddim(model, x_T, model.encode_text([AFTER]), editor.null, steps=editor.steps, guidance=3.0)
    found = latents(editor, pair, [0.0, 1.0])
    torch.testing.assert_close(found[1:], plain, atol=1e-4, rtol=0)
    assert not torch.allclose(found[:1], plain, atol=1e-3)


def test_the_inversions_own_text_without_guidance_gives_the_reconstruction(tiny_model, noise_image, method):
    source = {"source": "source_text"} if method == "masactrl" else {}
    text = BEFORE if source else ""
    editor = editor_of(tiny_model(), method, sampling__guidance=1, sampling__steps=4, **source)
    model, image = editor.model, noise_image(0, 16)
    e, x0 = model.encode_text([text]), model.encode_image(image)
    path = invert(model, x0, e, steps=4)
    plain = ddim(model, path[-1], e, e, steps=4, guidance=1)
    pair = pair_with(image, after=BEFORE)
    with editor.fit(pair) as edit:
        edit.text = e  # an empty target text is refused
        from imagic.models.batched import Row

        found = editor.make([Row(edit, strength, 0) for strength in (0.0, 0.5, 1.0)])
    torch.testing.assert_close(found[2:], plain, atol=1e-4, rtol=0)
    assert (found - x0).abs().max() <= 3 * (plain - x0).abs().max() + 1e-4


def test_a_strength_is_the_same_beside_others(tiny_model, noise_image, method):
    editor, pair = editor_of(tiny_model(), method, sampling__steps=4), pair_with(noise_image(0, 16))
    mixed = latents(editor, pair, [0.0, 0.5, 1.0])
    for i, strength in enumerate([0.0, 0.5, 1.0]):
        torch.testing.assert_close(latents(editor, pair, [strength] * 3)[0], mixed[i], atol=1e-4, rtol=0)


def test_mutual_attention_takes_keys_and_values_in_the_decoder_alone():
    control = MutualAttention([0.2], most_factor=2)
    assert control.wants(Layer("", "self", "up", 0, 2))
    for layer in (Layer("", "self", "down", 0, 2), Layer("", "self", "up", 0, 4), Layer("", "cross", "up", 0, 2)):
        assert not control.wants(layer)
    rows = {(0, "null"): slice(0, 1), (0, "text"): slice(1, 2), (1, "text"): slice(2, 3)}
    q, k, v = (torch.rand(3, 2, 4, 3) for _ in range(3))
    layer = Layer("", "self", "up", 0, 2)
    control.moment = Moment(1, 10, rows)
    assert all(torch.equal(a, b) for a, b in zip(control.projections(layer, q, k, v), (q, k, v), strict=True))
    control.moment = Moment(2, 10, rows)
    q2, k2, v2 = control.projections(layer, q, k, v)
    assert torch.equal(q2, q)
    for before, after in ((k, k2), (v, v2)):
        assert torch.equal(after, before[[2, 2, 2]])


def test_masactrl_can_invert_under_the_source_text(tiny_model, noise_image):
    editor = editor_of(tiny_model(), "masactrl", source="source_text")
    with pytest.raises(PairError, match="source_text"):
        editor.fit(pair_with(noise_image(0, 16), before=None))
    plain = editor_of(tiny_model(), "masactrl")
    pair = pair_with(noise_image(0, 16))
    assert not torch.allclose(latents(editor, pair, [0.0]), latents(plain, pair, [0.0]), atol=1e-3)
    halves = MutualAttention([0.0], most_factor=2)
    rows = {(0, "null"): slice(0, 1), (0, "text"): slice(1, 2), (1, "null"): slice(2, 3), (1, "text"): slice(3, 4)}
    halves.moment = Moment(0, 10, rows)
    k = torch.rand(4, 2, 4, 3)
    assert torch.equal(halves.projections(Layer("", "self", "up", 0, 2), k, k, k)[1], k[[2, 3, 2, 3]])


def test_a_layer_that_the_network_lacks_is_told_with_those_that_it_has(tiny_model):
    with pytest.raises(UserError, match="can be up_blocks"):
        editor_of(tiny_model(), "pnp", control__feature="up_blocks.9.resnets.0")
    with pytest.raises(UserError, match=r"recipe\.pnp.control\.attention can be"):
        editor_of(tiny_model(), "pnp", control__attention="up_blocks.0.resnets.0")


def test_a_control_that_no_layer_would_have_is_refused(tiny_model, monkeypatch):
    model = tiny_model()
    coarse = [layer for layer in attention_layers(model.network) if layer.factor > 1]
    monkeypatch.setattr("baselines.masactrl.attention_layers", lambda network: coarse)
    with pytest.raises(UserError, match=r"recipe\.masactrl\.most_factor"):
        editor_of(model, "masactrl", most_factor=1)


def test_a_compiled_network_is_refused(tiny_model, noise_image, method):
    model = tiny_model()
    editor = editor_of(model, method)
    model.compiled = True
    with pytest.raises(UserError, match=r"numerics\.compile=false"):
        latents(editor, pair_with(noise_image(0, 16)), [0.0])


def test_the_network_is_as_before_after_an_exception(tiny_model, noise_image, method, monkeypatch):
    editor, pair = editor_of(tiny_model(), method), pair_with(noise_image(0, 16))
    network = editor.model.network
    before = dict(network.attn_processors)
    monkeypatch.setattr(f"baselines.{method}.sample_branches", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        latents(editor, pair, [0.0])
    assert dict(network.attn_processors) == before
    assert not any(module._forward_hooks for module in network.modules())
