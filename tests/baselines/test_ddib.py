from __future__ import annotations

import numpy as np
import pytest
import torch

from baselines.ddib import DDIB
from imagic.models.latent import LatentDiffusion
from imagic.models.sampling import ddim, invert
from tedbench.datasets.picturebook import PicturebookPairs
from tedbench.errors import PairError, UserError
from tedbench.pair import EditPair, Entry


def psnr(a, b):
    return -10 * np.log10(np.mean((a.astype(float) - b) ** 2) / 255**2)


@pytest.mark.slow
def test_with_one_text_and_no_guidance_the_input_comes_back():
    model = LatentDiffusion.load("picturebook:diffusion", name="picturebook")
    pair = PicturebookPairs(64, limit=1).load(PicturebookPairs(64).entries[0])
    same = EditPair(Entry("a.png", pair.source_text, pair.source_text), pair.image)
    own = model.decode(model.encode_image(pair.image))[0]
    with DDIB(model, sampling={"steps": 100}, sample_batch=1).fit(same) as edit:
        (sample,) = edit.sample([(1.0, 0)])
    assert psnr(sample.image, own) > 36
    assert psnr(sample.image, pair.image) > psnr(own, pair.image) - 1.5


@pytest.mark.parametrize(
    ("kind", "spacing"),
    [
        ("epsilon", "leading"),
        pytest.param("epsilon", "trailing", marks=pytest.mark.slow),
        pytest.param("v_prediction", "leading", marks=pytest.mark.slow),
        ("v_prediction", "trailing"),
    ],
)
def test_decoding_undoes_inversion_ever_better_with_more_steps(tiny_model, kind, spacing):
    model = tiny_model(kind)
    model.process.scheduler.register_to_config(timestep_spacing=spacing)
    x0, e = torch.randn(2, 4, 8, 8), model.encode_text(["A dog.", "A bird."])
    errors = []
    for steps in (20, 80):
        x_T = invert(model, x0, e, steps=steps)[-1]  # noqa: N806
        errors.append((ddim(model, x_T, e, e[:1], steps=steps, guidance=1) - x0).abs().max().item())
    assert errors[1] < errors[0] / 1.5


@pytest.mark.parametrize("steps", [7, 30])
def test_for_a_noise_that_never_changes_the_round_trip_is_exact(tiny_model, monkeypatch, steps):
    model = tiny_model()
    eps, x0 = torch.randn(1, 4, 8, 8), 3 * torch.randn(1, 4, 8, 8)  # far beyond where clip_sample would cut
    monkeypatch.setattr(model, "predict", lambda x, t, e: eps)
    e = model.encode_text(["A dog."])
    x_T = invert(model, x0, e, steps=steps)[-1]  # noqa: N806
    torch.testing.assert_close(ddim(model, x_T, e, e, steps=steps, guidance=1), x0, atol=1e-4, rtol=1e-4)


def test_a_batch_of_guidances_is_each_guidance_alone(tiny_model):
    model = tiny_model()
    e, e_null, x_T = model.encode_text(["A dog."]), model.encode_text([""]), torch.randn(1, 4, 8, 8)  # noqa: N806
    weights = torch.tensor([1.0, 3.0, 5.0])
    batch = ddim(model, x_T.expand(3, -1, -1, -1), e.expand(3), e_null, steps=4, guidance=weights)
    for row, w in zip(batch, weights.tolist(), strict=True):
        torch.testing.assert_close(row[None], ddim(model, x_T, e, e_null, steps=4, guidance=w), atol=1e-4, rtol=1e-4)


def test_the_source_text_decides_the_noise_and_the_target_text_the_image(tiny_model, noise_image):
    editor = DDIB(tiny_model(), sampling={"steps": 4})

    def x_T(source, target):  # noqa: N802
        with editor.fit(EditPair(Entry("a.png", target, source), noise_image(0))) as edit:
            return edit.path[0]

    assert torch.equal(x_T("A dog.", "A cat."), x_T("A dog.", "A bird."))
    assert not torch.equal(x_T("A dog.", "A cat."), x_T("A tree.", "A cat."))


def test_a_pair_without_a_source_text_says_how_to_give_one(tiny_model, noise_image, describe):
    editor = DDIB(tiny_model(), sampling={"steps": 4})
    entries = [Entry("a.png", "A cat."), Entry("b.png", "A cat.", "A dog.")]
    with pytest.raises(PairError, match=r"source_text.*dataset\.annotations"):
        editor.fit(EditPair(entries[0], noise_image(0)))
    describe(editor).check(entries)
    with pytest.raises(UserError, match=r"none of the 1 pairs has it.*dataset\.annotations"):
        describe(editor).check(entries[:1])


def test_several_seeds_are_one_image_a_strength(tiny_model, describe):
    editor = DDIB(tiny_model(), sampling={"steps": 4})
    assert describe(editor).requests(None, [3, 5]) == [(w, 0) for w in (1.0, 2.0, 3.0, 4.0, 5.0)]
    with pytest.raises(UserError, match="at least 0"):
        describe(editor).requests([-1, 2], [0])
