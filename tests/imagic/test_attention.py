from __future__ import annotations

import pytest
import torch

from imagic.models.attention import AttentionControl, tokens_as_image
from imagic.models.lockstep import Branch, sample_branches
from imagic.models.residuals import ResidualControl
from imagic.models.sampling import ddim
from tedbench.errors import UserError


class Watch(AttentionControl):
    """Keeps the layers and maps that it sees."""

    def __init__(self):
        self.seen, self.maps, self.rows_of = [], [], []

    def probabilities(self, layer, p):
        self.seen.append(layer)
        self.maps.append(p)
        self.rows_of.append(dict(self.moment.rows) if self.moment else {})
        return p


class Silent(AttentionControl):
    """Reads only queries, keys and values."""

    def __init__(self):
        self.shapes = []

    def projections(self, layer, q, k, v):
        self.shapes.append((layer.kind, q.shape, k.shape, v.shape))
        return q, k, v


def predict(model, noise, **kinds):
    text = model.encode_text(["A dog.", "A cat."])
    with torch.no_grad():
        return model.predict(noise(0, 2), torch.tensor([500, 20]), text)


def test_layers_are_named_by_place_and_by_size_relative_to_the_latents(tiny_model, noise):
    model, watch = tiny_model(), Watch()
    with model.attention(watch):
        predict(model, noise)
    found = {(layer.place, layer.kind, layer.index, layer.factor) for layer in watch.seen}
    assert ("down", "cross", 0, 2) in found and ("mid", "self", 0, 2) in found and ("up", "cross", 1, 2) in found
    for layer, p in zip(watch.seen, watch.maps, strict=True):
        side = 8 // layer.factor
        assert p.shape[0] == 2 and p.shape[2] == side**2
        assert p.shape[3] == (side**2 if layer.kind == "self" else 48)
        torch.testing.assert_close(p.sum(-1), torch.ones(p.shape[:3]))


def test_a_control_that_changes_nothing_changes_nothing(tiny_model, noise):
    model = tiny_model()
    plain, silent = predict(model, noise), Silent()
    with model.attention(silent):
        assert torch.equal(predict(model, noise), plain)
    with model.attention(Watch()):
        torch.testing.assert_close(predict(model, noise), plain, atol=1e-5, rtol=1e-5)
    assert {kind for kind, *_ in silent.shapes} == {"self", "cross"}


def test_processors_and_hooks_are_as_before_even_after_an_exception(tiny_model, noise):
    model = tiny_model()
    plain, processors = predict(model, noise), dict(model.network.attn_processors)

    class Raising(AttentionControl):
        def probabilities(self, layer, p):
            raise KeyboardInterrupt

    class RaisingToo(ResidualControl):
        def features(self, layer, h):
            raise KeyboardInterrupt

    for enter, control in ((model.attention, Raising()), (model.residuals, RaisingToo())):
        with pytest.raises(KeyboardInterrupt), enter(control):
            predict(model, noise)
        assert model.network.attn_processors == processors
        assert not any(module._forward_hooks for module in model.network.modules())
        assert torch.equal(predict(model, noise), plain)
    assert not model._controls


def test_maps_of_one_branch_can_be_put_into_another(tiny_model, noise):
    """The core of Prompt-to-Prompt: the target's cross-attention is the source's, so that layout is kept."""
    model = tiny_model()
    source, target, null = (model.encode_text([text]) for text in ("A dog.", "A cat on a box.", ""))

    class Copy(AttentionControl):
        def wants(self, layer):
            return layer.kind == "cross" and layer.place == "up"

        def probabilities(self, layer, p):
            p[self.rows(1)] = p[self.rows(0)]
            return p

    branches = [Branch(source, 3.0, null), Branch(target, 3.0, null)]
    x = [noise(), noise()]
    plain = sample_branches(model, x, branches, steps=3)
    watch = Watch()
    with model.attention(Copy()), model.attention(watch):
        found = sample_branches(model, x, branches, steps=3)
    torch.testing.assert_close(found[0], plain[0], atol=1e-5, rtol=1e-5)  # the source is not touched
    assert not torch.allclose(found[1], plain[1], atol=1e-4)
    for layer, p, rows in zip(watch.seen, watch.maps, watch.rows_of, strict=True):
        if layer.kind == "cross":
            assert torch.equal(p[rows[0, "text"]], p[rows[1, "text"]]) == (layer.place == "up")
        assert rows[0, "null"] == slice(0, 1) and rows[1, "text"] == slice(3, 4)


def test_keys_and_values_of_one_branch_can_be_put_into_another(tiny_model, noise):
    model = tiny_model()
    text, null = model.encode_text(["A dog."]), model.encode_text([""])

    class Share(AttentionControl):
        def wants(self, layer):
            return layer.kind == "self"

        def projections(self, layer, q, k, v):
            for role in ("null", "text"):
                k[self.rows(1, role)], v[self.rows(1, role)] = k[self.rows(0, role)], v[self.rows(0, role)]
            return q, k, v

    branches = [Branch(text, 2.0, null), Branch(text, 2.0, null)]
    plain = sample_branches(model, [noise(1), noise(2)], branches, steps=2)
    with model.attention(Share()):
        found = sample_branches(model, [noise(1), noise(2)], branches, steps=2)
    torch.testing.assert_close(found[0], plain[0], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(found[1], plain[1], atol=1e-4)


def test_residual_branches_are_read_and_replaced(tiny_model, noise):
    model = tiny_model()
    plain, seen = predict(model, noise), []

    class Same(ResidualControl):
        def features(self, layer, h):
            seen.append((layer.place, layer.index, layer.factor, h.shape[-1]))
            return h

    class Other(ResidualControl):
        def wants(self, layer):
            return (layer.place, layer.index) == ("up", 1)

        def features(self, layer, h):
            return h.roll(1, 0)  # each image gets the other's

    with model.residuals(Same()):
        assert torch.equal(predict(model, noise), plain)
    with model.residuals(Other()):
        assert not torch.allclose(predict(model, noise), plain, atol=1e-5)
    assert {place for place, *_ in seen} == {"down", "mid", "up"}
    assert all(8 // factor == side for _, _, factor, side in seen)


def test_every_sampler_tells_which_step_it_is_at(tiny_model, noise):
    model, steps = tiny_model(), []

    class Count(AttentionControl):
        def projections(self, layer, q, k, v):
            steps.append((self.moment.step, self.moment.steps))
            return q, k, v

    text = model.encode_text(["A dog."])
    with model.attention(Count()):
        ddim(model, noise(), text, text, steps=3, guidance=2.0)
    assert sorted(set(steps)) == [(0, 3), (1, 3), (2, 3)]


def test_rows_are_not_known_outside_of_a_sampler(tiny_model, noise):
    class Rows(AttentionControl):
        def probabilities(self, layer, p):
            self.rows(0)

    with pytest.raises(KeyError, match="no sampler has announced"), (model := tiny_model()).attention(Rows()):
        predict(model, noise)


def test_a_compiled_network_is_refused(tiny_model):
    model = tiny_model()
    model.compiled = True
    for enter, control in ((model.attention, Watch()), (model.residuals, ResidualControl())):
        told = pytest.raises(UserError, match=r"compiled network cannot be controlled\. Give numerics\.compile=false")
        with told, enter(control):
            pass


def test_attention_of_another_kind_is_refused(tiny_model):
    model = tiny_model()
    model.network.set_attn_processor({name: object() for name in model.network.attn_processors})
    with pytest.raises(UserError, match="tiny's attention is of the kind object"), model.attention(Watch()):
        pass


def test_maps_are_images_of_the_size_asked_for():
    p = torch.rand(2, 3, 16, 5).softmax(-1)
    maps = tokens_as_image(p, 4, 4)
    assert maps.shape == (2, 5, 4, 4) and torch.equal(maps[1, 2].flatten(), p[1, :, :, 2].mean(0))
    assert tokens_as_image(p, 8, 8).shape == (2, 5, 8, 8)
    with pytest.raises(ValueError, match="no square"):
        tokens_as_image(p[:, :, :12], 4, 4)
