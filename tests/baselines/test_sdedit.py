from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, StableDiffusionImg2ImgPipeline

from baselines.sdedit import SDEdit
from imagic.models.process import VariancePreserving
from imagic.models.sampling import ddim
from tedbench.build import build
from tedbench.errors import UserError
from tedbench.method import Editor, grid
from tedbench.pair import EditPair, Entry
from tedbench.seeding import generator

SAMPLING = {"steps": 4, "guidance": 3.0}


@pytest.fixture
def pair(noise_image):
    return EditPair(Entry("a.png", "A sitting dog."), noise_image(0))


def images(editor, pair, requests):
    with editor.fit(pair) as edit:
        return [sample.image for sample in edit.sample(requests)]


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_without_stochasticity_it_is_the_pipelines_own_image_to_image(tiny_model, pair, kind):
    model = tiny_model(kind)
    editor = SDEdit(model, sampling=SAMPLING, stochasticity=0)
    pipeline = StableDiffusionImg2ImgPipeline(
        model.vae,
        model.text_encoder,
        model.tokenizer,
        model.network,
        model.process.scheduler,
        None,
        None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    for t0 in (0.25, 0.75, 1.0):
        (ours,) = images(editor, pair, [(t0, 5)])
        theirs = pipeline(
            pair.target_text,
            image=model.encode_image(pair.image),
            strength=t0,
            num_inference_steps=SAMPLING["steps"],
            guidance_scale=SAMPLING["guidance"],
            generator=generator(0, pair.id, "initial noise", 5),
            output_type="np",
        ).images[0]
        np.testing.assert_allclose(ours / 255, theirs, atol=1.01 / 255)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_full_stochasticity_is_ancestral_sampling(tiny_model, kind):
    model = tiny_model(kind)
    scheduler = DDIMScheduler.from_config(model.process.scheduler.config, set_alpha_to_one=True)  # as DDPMScheduler
    model.process = VariancePreserving(scheduler, "tiny", model.device)
    e, x_T = model.encode_text(["A dog."]), torch.randn(1, 4, 8, 8)  # noqa: N806
    noises = {int(t): torch.randn(1, 4, 8, 8) for t in model.process.schedule(10)[:-1]}
    ours = ddim(model, x_T, e, e, steps=10, guidance=1, ddim_eta=1, noise=noises.__getitem__)

    theirs = DDPMScheduler.from_config(model.process.scheduler.config, variance_type="fixed_small", clip_sample=False)
    theirs.set_timesteps(10)
    assert [int(t) for t in theirs.timesteps] == list(noises)
    x = x_T
    for t in theirs.timesteps:
        out = model.predict(x, t[None], e)
        mean = theirs.step(out, t, x, generator=torch.Generator().manual_seed(0)).prev_sample
        drawn = torch.randn(out.shape, generator=torch.Generator().manual_seed(0))
        scale = theirs._get_variance(int(t)).sqrt()
        x = mean + scale * (noises[int(t)] - drawn)
    torch.testing.assert_close(ours, x, atol=1e-4, rtol=1e-4)


def test_the_last_step_adds_no_noise(tiny_model):
    model = tiny_model()
    e, x_T = model.encode_text(["A dog."]), torch.randn(1, 4, 8, 8)  # noqa: N806
    last = int(model.process.schedule(4)[-2])
    settings = {"steps": 4, "guidance": 1, "ddim_eta": 1}

    def loud_at(when):
        return lambda t: torch.full((1, 4, 8, 8), 100.0 if (t == last) == when else 0.0)

    quiet = ddim(model, x_T, e, e, **settings, noise=lambda t: torch.zeros(1, 4, 8, 8))
    assert torch.equal(ddim(model, x_T, e, e, **settings, noise=loud_at(True)), quiet)
    assert not torch.equal(ddim(model, x_T, e, e, **settings, noise=loud_at(False)), quiet)


def test_less_noise_stays_nearer_to_the_input(tiny_model, pair):
    model = tiny_model()
    editor = SDEdit(model, sampling={"steps": 50, "guidance": 1.0})
    with editor.fit(pair) as edit:
        own = model.decode(edit.x0)[0].astype(float)
        made = [sample.image for sample in edit.sample([(0.02, 0), (0.3, 0), (1.0, 0)])]
    near, middle, far = (np.abs(image - own).mean() for image in made)
    assert near < middle < far


def test_images_that_wait_in_a_batch_are_those_made_alone(tiny_model, pair):
    requests = grid([0.25, 0.5, 1.0], [0, 1])
    one = images(SDEdit(tiny_model(), sampling=SAMPLING, sample_batch=1), pair, requests)
    six = images(SDEdit(tiny_model(), sampling=SAMPLING, sample_batch=6), pair, requests)
    assert max(np.abs(a.astype(int) - b.astype(int)).max() for a, b in zip(one, six, strict=True)) <= 1


def test_t0_is_the_part_of_the_steps_that_is_taken(tiny_model):
    editor = SDEdit(tiny_model(), sampling={"steps": 10, "guidance": 1.0})
    assert [editor.start(t0) for t0 in (0.001, 0.1, 0.15, 0.5, 1.0)] == [9, 9, 8, 5, 0]


@pytest.mark.parametrize("t0", [0.0, -0.5, 1.01])
def test_a_t0_that_is_none_is_refused_before_anything_is_made(tiny_model, t0, describe):
    editor = SDEdit(tiny_model(), sampling=SAMPLING)
    with pytest.raises(UserError, match="above 0 and at most 1"):
        describe(editor).requests([0.5, t0], [0])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"stochasticity": 1.5}, "method.stochasticity is 1.5. It must be a number from 0 to 1"),
        ({"stochasticity": "much"}, "from 0 to 1"),
        ({"sampling": {"steps": 4}}, "steps, guidance"),
        ({"sampling": {"steps": 5000, "guidance": 1.0}}, "1000 timesteps"),
    ],
)
def test_wrong_settings_are_refused(tiny_model, settings, words):
    with pytest.raises(UserError, match=words):
        build(
            {"_target_": "baselines.sdedit.SDEdit", "sampling": SAMPLING, **settings},
            Editor,
            "method",
            model=tiny_model(),
        )
