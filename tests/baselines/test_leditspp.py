from __future__ import annotations

import pytest
import torch

from baselines.concept_mask import BLUR, ConceptMasks
from imagic.models.control import Layer, Moment
from tedbench.errors import PairError, UserError
from tests.baselines.editors import editor_of, latents, pair_with

SOLVERS = ("ddim", "sde_dpm_solver")
LAYER = Layer("up", "cross", "up", 0, 2)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("remove", [False, True])
def test_without_weight_the_input_comes_back(tiny_model, noise_image, solver, remove):
    editor, pair = editor_of(tiny_model(), "leditspp", solver=solver, remove=remove), pair_with(noise_image(0, 16))
    found = latents(editor, pair, [0.0, 3.0])
    x0 = editor.model.encode_image(pair.image)
    torch.testing.assert_close(found[:1], x0, atol=1e-4, rtol=0)
    assert not torch.allclose(found[1:], x0, atol=1e-2)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_weight_is_the_same_beside_others(tiny_model, noise_image, solver):
    editor, pair = editor_of(tiny_model(), "leditspp", solver=solver), pair_with(noise_image(0, 16))
    mixed = latents(editor, pair, [0.0, 5.0, 2.0])
    torch.testing.assert_close(latents(editor, pair, [5.0] * 3)[0], mixed[1], atol=1e-4, rtol=0)


def test_solvers_differ_and_so_does_removal(tiny_model, noise_image):
    pair = pair_with(noise_image(0, 16))
    first = latents(editor_of(tiny_model(), "leditspp"), pair, [3.0])
    for changes in ({"solver": "ddim"}, {"remove": True}, {"mask__kind": "none"}):
        assert not torch.allclose(
            latents(editor_of(tiny_model(), "leditspp", **changes), pair, [3.0]), first, atol=1e-3
        )


def masks(kind="both", quantile=0.75, step=5):
    made = ConceptMasks([[[1], [0]]], 10, kind=kind, quantile=quantile, factor=2, both_from=0.2)
    made.moment = Moment(step, 10, {(0, "null"): slice(0, 2), (0, "text"): slice(2, 4)})
    return made


def test_masks_cover_what_the_quantile_leaves():
    torch.manual_seed(0)
    difference = torch.randn(2, 3, 8, 8)
    for kind in ("attention", "difference", "both"):
        made = masks(kind)
        made.probabilities(LAYER, torch.rand(4, 2, 16, 5).softmax(-1))
        inside = made.change(5, "text", difference).abs().sum(1) > 0
        area = inside.flatten(1).float().mean(1)
        if kind == "both":
            assert (area < 0.2).all()
        else:
            torch.testing.assert_close(area, torch.full((2,), 0.25), atol=0.07, rtol=0)
        kept = made.change(5, "text", difference)[:, :, :, :][inside[:, None].expand(-1, 3, -1, -1)]
        assert torch.equal(kept, difference[inside[:, None].expand(-1, 3, -1, -1)])
    assert torch.equal(masks("none").change(0, "text", difference), difference)


def test_the_attention_mask_is_of_the_concepts_own_words():
    made = masks("attention")
    p = torch.zeros(4, 1, 16, 5)
    p[2, :, 5, 1], p[3, :, 10, 0], p[:, :, 0, 4] = 1, 1, 1
    made.probabilities(LAYER, p)
    inside = made.change(5, "text", torch.ones(2, 3, 8, 8))[:, 0]
    assert inside[0, 2:4, 2:4].eq(1).all() and inside[1, 4:6, 4:6].eq(1).all()
    assert inside[0, 6:, 6:].eq(0).all() and inside[1, :2, :2].eq(0).all()


def test_attention_maps_are_smoothed_with_the_codes_kernel_outside_the_middle_block():
    """exp(−(x / 2σ)²) with σ = 0.5, in which the authors' code and diffusers agree."""
    weights = torch.exp(-(torch.tensor([-1.0, 0.0, 1.0]) ** 2))
    torch.testing.assert_close(BLUR, weights / weights.sum(), atol=1e-5, rtol=0)
    places = [place for place in ("down", "mid", "up") if masks().wants(Layer("", "cross", place, 0, 2))]
    assert places == ["down", "up"]


def test_early_steps_use_attention_alone():
    made, difference = masks("both", step=0), torch.randn(2, 3, 8, 8)
    made.probabilities(LAYER, torch.rand(4, 2, 16, 5).softmax(-1))
    early, late = made.change(0, "text", difference), made.change(5, "text", difference)
    assert (early != 0).sum() > (late != 0).sum()


def test_what_a_pair_or_a_network_lacks_is_told(tiny_model, noise_image):
    pair = pair_with(noise_image(0, 16), target_object=None)
    with pytest.raises(PairError, match="target_object"):
        editor_of(tiny_model(), "leditspp").fit(pair)
    with pytest.raises(PairError, match="source_object"):
        editor_of(tiny_model(), "leditspp", remove=True).fit(pair_with(noise_image(0, 16), source_object=None))
    with pytest.raises(UserError, match=r"mask\.factor"):
        latents(editor_of(tiny_model(), "leditspp", mask__factor=16), pair_with(noise_image(0, 16)), [1.0])
    with pytest.raises(UserError, match="solver"):
        editor_of(tiny_model(), "leditspp", solver="euler")
