from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline

from imagic.editor import Imagic, interpolate
from imagic.models.batched import Row
from imagic.models.sampling import ddim
from imagic.models.text import Text
from tedbench.errors import UserError
from tedbench.method import grid
from tedbench.pair import EditPair, Entry

STAGE = {"steps": 3, "lr": 1e-2, "draws": 2}
FINETUNE = {**STAGE, "decay": 0.0, "empty": 0.0}
SAMPLING = {"steps": 4, "guidance": 3.0}


def make_pair(noise_image, name="a.png", text="A sitting dog.", seed=0):
    return EditPair(Entry(name, text), noise_image(seed))


def make_editor(model, **changes):
    return Imagic(model, **{"embedding": STAGE, "finetune": FINETUNE, "sampling": SAMPLING, **changes})


def images(editor, pair, requests):
    with editor.fit(pair) as edit:
        return [sample.image for sample in edit.sample(requests)]


def test_second_pair_does_not_see_first_pairs_weights(tiny_model, noise_image):
    first, second = make_pair(noise_image), make_pair(noise_image, "b.png", "A bird.", 1)
    requests = grid([0.0, 0.5, 1.0], [0, 1])
    editor = make_editor(tiny_model())
    images(editor, first, requests)
    after_first = images(editor, second, requests)
    alone = images(make_editor(tiny_model()), second, requests)
    assert all(np.array_equal(a, b) for a, b in zip(after_first, alone, strict=True))


def test_two_texts_on_one_image_are_fitted_apart(tiny_model, noise_image):
    editor = make_editor(tiny_model())
    with editor.fit(make_pair(noise_image, text="A sitting dog.")) as one:
        e_one = one.e_opt.tokens
    with editor.fit(make_pair(noise_image, text="A jumping dog.")) as two:
        assert not torch.equal(e_one, two.e_opt.tokens)


def test_weights_come_back_bit_by_bit_even_after_a_failure(tiny_model, noise_image):
    model = tiny_model()
    before = {k: v.clone() for k, v in model.network.state_dict().items()}
    editor = make_editor(model)

    def stop(stage, step, steps):
        if (stage, step) == ("fine-tuning", 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        editor.fit(make_pair(noise_image), stop)
    assert all(torch.equal(before[k], v) for k, v in model.network.state_dict().items())
    with editor.fit(make_pair(noise_image)):
        assert any(not torch.equal(before[k], v) for k, v in model.network.state_dict().items())
    assert all(torch.equal(before[k], v) for k, v in model.network.state_dict().items())


def test_untrained_eta_1_is_the_pipelines_own_text_to_image(tiny_model, noise_image):
    for kind in ("epsilon", "v_prediction"):
        model = tiny_model(kind)
        editor = make_editor(model, embedding={**STAGE, "steps": 0}, finetune={**FINETUNE, "steps": 0})
        pair = make_pair(noise_image)
        with editor.fit(pair) as edit:
            noise = editor.noise([Row(edit, 1.0, 5)], "initial noise")
            (ours,) = edit.sample([(1.0, 5)])
        pipeline = StableDiffusionPipeline(
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
        theirs = pipeline(
            pair.target_text,
            latents=noise,
            num_inference_steps=SAMPLING["steps"],
            guidance_scale=SAMPLING["guidance"],
            output_type="np",
        ).images[0]
        np.testing.assert_allclose(ours.image / 255, theirs, atol=1.01 / 255)


def test_initial_noise_depends_on_seed_and_pair_and_not_on_strength(tiny_model, noise_image):
    editor = make_editor(tiny_model())
    with editor.fit(make_pair(noise_image)) as edit:
        one, two, same = editor.noise([Row(edit, 0.0, 0), Row(edit, 0.0, 1), Row(edit, 1.0, 0)], "initial noise")
        assert torch.equal(one, same) and not torch.equal(one, two)
    with editor.fit(make_pair(noise_image, text="A bird.")) as edit:
        assert not torch.equal(one, editor.noise([Row(edit, 0.0, 0)], "initial noise")[0])


def test_training_draws_follow_the_runs_seed(tiny_model, noise_image):
    model = tiny_model()
    found = []
    for seed in (0, 0, 1):
        with make_editor(model, seed=seed).fit(make_pair(noise_image)) as edit:
            found.append(edit.e_opt.tokens)
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])


def test_global_randomness_is_neither_used_nor_touched(tiny_model, noise_image):
    editor = make_editor(tiny_model())
    torch.manual_seed(1)
    state = torch.get_rng_state()
    one = images(editor, make_pair(noise_image), [(0.5, 0)])
    assert torch.equal(state, torch.get_rng_state())
    torch.manual_seed(2)
    assert np.array_equal(one[0], images(editor, make_pair(noise_image), [(0.5, 0)])[0])


def test_batches_of_sampling_change_at_most_the_last_bit(tiny_model, noise_image):
    requests = grid([0.0, 0.5, 1.0], [0, 1])
    model = tiny_model()
    one = images(make_editor(model, sample_batch=1), make_pair(noise_image), requests)
    six = images(make_editor(model, sample_batch=6), make_pair(noise_image), requests)
    assert max(np.abs(a.astype(int) - b.astype(int)).max() for a, b in zip(one, six, strict=True)) <= 1


def test_interpolation_is_equation_3():
    e_tgt, e_opt = (Text(torch.full((1, 2, 3), x), torch.full((1, 3), x)) for x in (4.0, 2.0))
    for eta, x in ((0.0, 2.0), (1.0, 4.0), (0.25, 2.5), (1.5, 5.0)):
        found = interpolate(e_tgt, e_opt, eta)
        assert torch.equal(found.tokens, torch.full((1, 2, 3), x)) and torch.equal(found.pooled, torch.full((1, 3), x))


def test_guidance_1_needs_no_empty_text(tiny_model):
    model = tiny_model()
    noise, e = torch.randn(1, 4, 8, 8), model.encode_text(["A dog."])
    one = ddim(model, noise, e, Text(e.tokens * float("nan")), steps=3, guidance=1)
    assert torch.isfinite(one).all()


def test_a_pair_of_another_size_is_refused(tiny_model, noise_image):
    with pytest.raises(UserError, match=r"dataset\.size=16"):
        make_editor(tiny_model()).fit(EditPair(Entry("a.png", "A dog."), noise_image(0, 32)))


def test_one_edit_is_open_at_a_time(tiny_model, noise_image):
    editor = make_editor(tiny_model())
    with editor.fit(make_pair(noise_image)), pytest.raises(RuntimeError, match="close"):
        editor.fit(make_pair(noise_image))


def test_a_closed_edit_samples_nothing(tiny_model, noise_image):
    edit = make_editor(tiny_model()).fit(make_pair(noise_image))
    edit.close()
    with pytest.raises(RuntimeError, match="closed"):
        list(edit.sample([(0.0, 0)]))


def test_more_sampling_steps_than_timesteps_are_refused_before_a_fit(tiny_model):
    with pytest.raises(UserError, match=r"1000 timesteps\. Give recipe\.METHOD\.sampling\.steps no more than that"):
        make_editor(tiny_model(), sampling={**SAMPLING, "steps": 5000})
