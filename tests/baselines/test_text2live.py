from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from baselines.text2live import Text2Live, optimise
from baselines.text2live.clip import clip_digest
from baselines.text2live.layer import EditLayer
from baselines.text2live.relevancy import relevancy
from imagic.errors import DivergedError
from tedbench.errors import PairError, UserError
from tedbench.method import grid
from tedbench.pair import EditPair, Entry

RECIPES = Path(__file__).parents[2] / "conf" / "recipe" / "text2live"
DOG = Entry("a.png", "A photo of a sitting dog.", source_object="dog", target_object="sitting dog")
BIRD = Entry("b.png", "A red bird.", source_object="bird", target_object="red bird")


def make_editor(clip, recipe="picturebook", seed=0, **changes):
    """Two steps of a recipe, the generator small unless the recipe is the published one."""
    blocks = OmegaConf.to_container(OmegaConf.load(RECIPES / f"{recipe}.yaml"))
    blocks["clip"], blocks["optimisation"]["steps"] = {"model": clip}, 2
    if recipe == "picturebook":
        blocks["generator"], blocks["views"]["count"] = {"scales": 2, "width": 8, "skip": 4}, 2
    for block, values in changes.items():
        blocks[block] = blocks[block] | values if isinstance(values, dict) else values
    return Text2Live(**blocks, seed=seed)


def images(editor, pair, requests):
    with editor.fit(pair) as edit:
        return [sample.image for sample in edit.sample(requests)]


@pytest.fixture
def pair(noise_image):
    return EditPair(DOG, noise_image(0, 32))


def test_opacity_0_is_the_input_and_more_is_nearer_to_the_layer(random_clip, pair):
    editor = make_editor(random_clip)
    with editor.fit(pair) as edit:
        samples = list(edit.sample(grid(editor.axis.grid, [0])))
        layer = edit.layer(0)
    assert editor.axis.identity == 0 and [s.strength for s in samples] == [i / 10 for i in range(11)]
    assert np.array_equal(samples[0].image, pair.image)
    whole = layer.over(torch.from_numpy(pair.image).permute(2, 0, 1)[None] / 255)
    assert np.array_equal(samples[-1].image, (whole[0] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy())
    change = [np.abs(s.image.astype(float) - pair.image).mean() for s in samples]
    assert change == sorted(change) and change[-1] > 1


def test_each_seed_is_a_fit_of_its_own_and_repeats(random_clip, pair):
    editor, requests = make_editor(random_clip), grid([0.5, 1.0], [0, 1])
    half_0, half_1, whole_0, whole_1 = images(editor, pair, requests)
    assert not np.array_equal(half_0, half_1) and not np.array_equal(whole_0, whole_1)
    assert np.array_equal(images(editor, pair, [(1.0, 1)])[0], whole_1)  # alone, later, in another order
    assert np.array_equal(images(make_editor(random_clip), pair, [(1.0, 0)])[0], whole_0)
    assert not np.array_equal(images(make_editor(random_clip, seed=1), pair, [(1.0, 0)])[0], whole_0)


def test_a_seed_is_trained_once_for_all_opacities(random_clip, pair):
    steps = []
    with make_editor(random_clip).fit(pair) as edit:
        list(edit.sample(grid([0.2, 0.6, 1.0], [3, 4]), lambda *step: steps.append(step)))
        assert edit.facts()["sample_fits"] == 2 and edit.facts()["sample_fit_s"] > 0
    assert steps == [("edit layer", 1, 2), ("edit layer", 2, 2)] * 2


def test_second_pair_sees_nothing_of_the_first(random_clip, pair, noise_image):
    editor, second = make_editor(random_clip), EditPair(BIRD, noise_image(1, 32))
    clip_before = copy.deepcopy(editor.clip.network.state_dict())
    torch.manual_seed(1)
    rng_before = torch.get_rng_state()
    images(editor, pair, [(1.0, 0)])
    after_first = images(editor, second, [(1.0, 0)])[0]
    assert torch.equal(torch.get_rng_state(), rng_before)
    torch.manual_seed(2)
    assert np.array_equal(after_first, images(make_editor(random_clip), second, [(1.0, 0)])[0])
    assert all(torch.equal(value, clip_before[key]) for key, value in editor.clip.network.state_dict().items())


def test_two_texts_on_one_image_are_painted_apart(random_clip, pair):
    other = EditPair(dataclasses.replace(DOG, target_text="A jumping dog.", target_object="jumping dog"), pair.image)
    editor = make_editor(random_clip)
    assert not np.array_equal(images(editor, pair, [(1.0, 0)])[0], images(editor, other, [(1.0, 0)])[0])


@pytest.mark.parametrize("missing", ["source_object", "target_object"])
def test_a_pair_that_does_not_say_what_is_edited_fails_alone_and_says_how_to_give_it(
    random_clip, pair, missing, describe
):
    editor = make_editor(random_clip)
    lacking = EditPair(dataclasses.replace(DOG, **{missing: None}), pair.image)
    with pytest.raises(PairError, match=f"needs {missing}.*dataset"):
        editor.fit(lacking)
    with pytest.raises(UserError, match=missing):
        describe(editor).check([lacking.entry])
    describe(editor).check([lacking.entry, DOG])


def test_the_published_recipe_runs(random_clip, noise_image):
    editor = make_editor(random_clip, "published", size=196, optimisation={"steps": 1})
    assert (editor.shape.scales, editor.shape.width, editor.views.count) == (7, 128, 16)
    changed = images(editor, EditPair(DOG, noise_image(0, 64)), [(0.0, 0), (1.0, 0)])
    assert changed[1].shape == (64, 64, 3) and not np.array_equal(*changed)


def test_training_lowers_the_loss_at_a_rate_that_falls(random_clip, pair, monkeypatch):
    rates = []

    class Watched(optimise.MADGRAD):
        def zero_grad(self):
            super().zero_grad()
            rates.append(self.param_groups[0]["lr"])

    monkeypatch.setattr(optimise, "MADGRAD", Watched)
    weights = {"composite": 0.0, "screen": 0.0, "structure": 0.0, "sparsity": 1.0, "l1": 1.0, "l0": 0.0}
    alphas = []
    for steps in (40, 1):
        optimisation = {"steps": steps, "lr": 2.5e-3, "min_lr": 2e-3}
        with make_editor(random_clip, losses=weights, optimisation=optimisation).fit(pair) as edit:
            alphas.append(edit.layer(0).alpha.mean().item())
    assert alphas[0] < 0.7 * alphas[1]
    assert rates[:40] == [pytest.approx(max(2e-3, 2.5e-3 * 0.99**step)) for step in range(40)]


def test_bootstrapping_draws_alpha_to_the_relevancy(random_clip, pair):
    off = {"composite": 0.0, "screen": 0.0, "structure": 0.0, "sparsity": 0.0}

    def distance(steps):
        still = {"jitter": 0.0, "flip": 0.0, "scale_min": 1.0, "scale_max": 1.0, "crop": 1.0}
        editor = make_editor(
            random_clip,
            losses=off,
            augmentation=still,
            optimisation={"steps": 40, "decay": 1.0},
            bootstrap={"steps": steps},
        )
        with editor.fit(pair) as edit:
            image = torch.from_numpy(pair.image).permute(2, 0, 1)[None] / 255
            place = relevancy(editor.clip, image, editor.clip.encode_texts(["dog"])[0])
            return (edit.layer(0).alpha - place).square().mean().item()

    assert distance(1000) < 0.5 * distance(0)


def test_a_loss_that_is_not_finite_fails_as_imagics_does(random_clip, pair):
    editor = make_editor(random_clip)
    with torch.no_grad():
        editor.clip.network.visual.proj.fill_(float("nan"))
    with pytest.raises(DivergedError, match="smaller learning rate"):
        images(editor, pair, [(1.0, 0)])
    with pytest.raises(DivergedError, match="not finite"):
        images(make_editor(random_clip, optimisation={"steps": 1, "lr": 1e38}), pair, [(1.0, 0)])


def test_a_picture_too_small_for_the_scales_is_told(random_clip, pair):
    with pytest.raises(UserError, match=r"7 scales needs 129 pixels.*scales"):
        make_editor(random_clip, generator={"scales": 7}).fit(pair)


def test_an_opacity_that_is_none_is_told(random_clip, describe):
    editor = make_editor(random_clip)
    assert describe(editor).requests(None, [0])[0] == (0.0, 0)
    with pytest.raises(
        UserError, match=r"^sweep\.strengths has 1\.5\. Text2Live's strength is opacity, at least 0 and at most 1\."
    ):
        describe(editor).requests([0, 1.5], [0])


def test_a_folders_weights_are_part_of_what_a_run_is(random_clip):
    assert len(clip_digest(random_clip)) == 64


def test_a_layer_is_kept_in_the_pairs_own_size(random_clip, pair):
    with make_editor(random_clip, size=24).fit(pair) as edit:
        layer = edit.layer(0)
    assert isinstance(layer, EditLayer) and layer.rgb.shape == (1, 3, 32, 32) and layer.alpha.shape == (1, 1, 32, 32)
