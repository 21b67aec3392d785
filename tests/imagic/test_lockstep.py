from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from imagic.models.lockstep import Branch, sample_branches
from imagic.models.noise_maps import noise_maps
from imagic.models.sampling import ddim, guided, invert
from imagic.models.text import Text

CHAINS = ("independent", "markov", "posterior")


def texts(model, *names):
    return [model.encode_text([name]) for name in names]


def test_branches_in_one_batch_are_each_alone(tiny_model, noise):
    model = tiny_model()
    dog, cat, null = texts(model, "A dog.", "A cat on a box.", "")
    branches = [Branch(dog, 1.0), Branch(cat, 5.0, null), Branch(dog, torch.tensor([2.0, 3.0]), null)]
    x, calls = [noise(1, 2), noise(2, 2), noise(3, 2)], []
    predict = model.predict
    model.predict = lambda x_t, t, text: calls.append(len(x_t)) or predict(x_t, t, text)
    together = sample_branches(model, x, branches, steps=5)
    assert calls == [2 + 4 + 4] * 5
    for branch, start, found in zip(branches, x, together, strict=True):
        (alone,) = sample_branches(model, [start], [branch], steps=5)
        torch.testing.assert_close(found, alone, atol=1e-5, rtol=1e-5)
        own = ddim(model, start, branch.text.expand(2), null, steps=5, guidance=branch.guidance)
        torch.testing.assert_close(found, own, atol=1e-5, rtol=1e-5)


def test_a_forced_branch_stays_on_its_trajectory(gaussian, noise):
    x0, text = noise(3), gaussian.encode(0.7)
    path = invert(gaussian, x0, text, steps=6)[::-1]
    seen = []
    branches = [Branch(text, forced=path), Branch(gaussian.encode(-0.2))]
    source, target = sample_branches(
        gaussian, [path[0], path[0]], branches, steps=6, callback=lambda step: seen.append(step.x[0])
    )
    assert torch.equal(source, x0) and not torch.allclose(target, x0, atol=1e-2)
    free = ddim(gaussian, path[0], branches[1].text, text, steps=6, guidance=1)
    assert torch.equal(target, free)
    assert len(seen) == 6


def test_a_callback_can_put_one_branch_into_another(gaussian, noise):
    x, text = noise(0), gaussian.encode(0.7)

    def copy(step):
        step.x[1] = step.x[0].clone()

    one, two = sample_branches(
        gaussian, [x, noise(1)], [Branch(text), Branch(gaussian.encode(0.1))], steps=4, callback=copy
    )
    assert torch.equal(one, two)


def test_the_empty_text_can_be_another_at_every_step(tiny_model, noise):
    model = tiny_model()
    dog, null, other = texts(model, "A dog.", "", "A red tree.")
    mixed = [null if i < 2 else other for i in range(4)]
    (found,) = sample_branches(model, [noise()], [Branch(dog, 3.0, mixed)], steps=4)
    (same,) = sample_branches(model, [noise()], [Branch(dog, 3.0, null)], steps=4)
    assert not torch.allclose(found, same, atol=1e-4)
    levels, x = model.process.schedule(4), noise()
    for i in range(4):
        t = levels[i]
        out = guided(model, x, t[None], dog, mixed[i], 3.0)
        x = model.process.step(x, out, t, levels[i + 1]).detach()
    torch.testing.assert_close(found, x, atol=1e-5, rtol=1e-5)


def test_guidances_add_up(gaussian, noise):
    a, b, null = (gaussian.encode(x) for x in (1.0, -0.5, 0.0))
    outs = {"null": noise(0), "text": noise(1), "text 1": noise(2)}
    assert Branch(a, 2.0, null, more=[(b, 0.5)]).prompts(0).keys() == outs.keys()
    wanted = outs["null"] + 2.0 * (outs["text"] - outs["null"]) + 0.5 * (outs["text 1"] - outs["null"])
    assert torch.equal(Branch(a, 2.0, null, more=[(b, 0.5)]).combine(outs, 0), wanted)
    half = Branch(a, 2.0, null, change=lambda step, role, difference: difference / 2)
    torch.testing.assert_close(half.combine(outs, 0), Branch(a, 1.0, null, more=[(b, 0.0)]).combine(outs, 0))


def test_guidance_without_an_empty_text_is_refused(gaussian, noise):
    with pytest.raises(ValueError, match="needs the empty text"):
        sample_branches(gaussian, [noise()], [Branch(gaussian.encode(1.0), 3.0)], steps=2)


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("start", [0, 4])
def test_noise_maps_give_the_image_back(gaussian, noise, chain, start):
    x0, text, null = noise(9, 2), gaussian.encode(0.7, -0.4), gaussian.encode(0.0)
    settings = {"steps": 12, "ddim_eta": 1.0}
    maps = noise_maps(
        gaussian, x0, text, null, chain=chain, noise=lambda i: noise(100 + i, 2), guidance=3.0, start=start, **settings
    )
    assert len(maps.x) == 13 - start and len(maps.residuals) == 12 and torch.equal(maps.x[-1], x0)
    branch = Branch(text, 3.0, null, residuals=maps.residuals)
    (back,) = sample_branches(gaussian, [maps.x[0]], [branch], start=start, **settings)
    torch.testing.assert_close(back, x0, atol=1e-4 if start else 1e-5, rtol=0)
    other = Branch(gaussian.encode(0.2, 0.1), 3.0, null, residuals=maps.residuals)
    (edited,) = sample_branches(gaussian, [maps.x[0]], [other], start=start, **settings)
    assert (edited - x0).abs().max() > 0.05


@pytest.mark.parametrize("chain", CHAINS)
def test_every_chain_has_the_processs_own_spread(process, gaussian, noise, chain):
    x0, text = torch.zeros(256, 4, 8, 8), gaussian.encode(0.0).expand(256)
    maps = noise_maps(gaussian, x0, text, text[:1], steps=8, chain=chain, noise=lambda i: noise(i, 256))
    _, sigma = process.scales(process.schedule(8))
    for x, wanted in zip(maps.x[:-1], sigma.flatten(), strict=False):
        if wanted > 0.1:  # below, the image's own level counts, where σ is not always 0
            assert abs(x.std() - wanted) < 0.03 * wanted


def test_independent_noise_maps_are_larger_than_one_and_go_against_their_neighbours(noise, tiny_model):
    """As the paper of edit-friendly inversion says (arXiv 2304.06140, section 3.2)."""
    model = tiny_model()
    null, x0 = model.encode_text([""]), noise(1, 16)
    found = {}
    for chain in CHAINS:
        maps = noise_maps(model, x0, null.expand(16), null, steps=50, chain=chain, noise=lambda i: noise(200 + i, 16))
        levels = model.process.schedule(50)
        z = [d / model.process.std(t, s) for d, t, s in zip(maps.residuals, levels, levels[1:], strict=False)][20:30]
        pairs = [torch.stack([a.flatten(), b.flatten()]) for a, b in pairwise(z)]
        found[chain] = (
            sum(each.std().item() for each in z) / len(z),
            sum(torch.corrcoef(pair)[0, 1].item() for pair in pairs) / len(pairs),
        )
    assert found["independent"][0] > 1.5 * found["markov"][0] and found["independent"][1] < -0.3
    assert abs(found["markov"][1]) < 0.25


def test_a_step_is_differentiable_in_the_empty_text(tiny_model, noise):
    model = tiny_model()
    dog, null = texts(model, "A dog.", "")
    levels, x = model.process.schedule(10), noise()
    wanted = noise(5)
    null = Text(null.tokens.clone().requires_grad_())
    out = guided(model, x, levels[0][None], dog, null, 7.5)
    (model.process.step(x, out, levels[0], levels[1]) - wanted).square().mean().backward()
    assert null.tokens.grad.abs().max() > 0
