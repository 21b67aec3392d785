"""Settings of a run that are refused while they are checked, before the weights of any model or metric are loaded."""

from __future__ import annotations

import re

import pytest

from cli.command import compose, resolved
from eval.engine.spec import RunSpec
from tedbench.errors import UserError


@pytest.fixture
def no_weights(monkeypatch):
    """Fail if a metric or a model is built."""

    def loaded(*_, **__):
        pytest.fail("something was loaded")

    monkeypatch.setattr("eval.metrics.build.build", loaded)
    monkeypatch.setattr("imagic.api.build", loaded)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (["numerics.dtype=float17"], "numerics.dtype is 'float17'. It must be one of float32, bfloat16, tf32."),
        (["numerics.compile=3"], "numerics.compile is 3. It must be true or false."),
        (["numerics.device=gpu"], "There is no device 'gpu' here. numerics.device can be auto or"),
        (
            ["model.image_size=0", "dataset.size=64"],
            "model.image_size is 0. It must be a whole number from 1, or null.",
        ),
        (
            ["model=picturebook_cascade", "model.text_length=0"],
            "model.text_length is 0. It must be a whole number from 1.",
        ),
        (["fits.keep=all"], "fits.keep is 'all'. It must be one of none, embedding, weights."),
        (["dataset.split=test"], "dataset.split is 'test'. It must be one of preview, all, search."),
        (["dataset=tedbench", "dataset.source=gitlab"], "dataset.source is 'gitlab'. It must be one of github, hug"),
        (
            ["method.variant.sampler=plms"],
            "method.variant.sampler is 'plms'. It must be one of ddim, dpm_solver, midpoint, fireflow.",
        ),
        (["metrics.lpips.net=resnet"], "metrics.lpips.net is 'resnet'. It must be one of alex, vgg, squeeze."),
        (["metrics.lpips.size=8"], "metrics.lpips.size is 8. It must be a whole number from 32, or null."),
        (["metrics.judge_success.what=beauty"], "metrics.judge_success.what is 'beauty'. It must be one of success,"),
        (
            ["method=precomputed", "method.folder=.", "method.geometry=cut"],
            "method.geometry is 'cut'. It must be one of crop, squash, pad, or null.",
        ),
        (["sweep.strengths=[]"], "sweep.strengths is []. It must have at least one value, and none twice."),
        (["sweep.strengths=many"], "sweep.strengths is 'many'. It must be a list of finite numbers, such as"),
        (["sweep.seeds=[0,0]"], "sweep.seeds is [0, 0]. It must have at least one value, and none twice."),
        (["sweep.seeds=[0.5]"], "sweep.seeds is [0.5]. It must be a list of whole numbers"),
        (
            ["method=sdedit", "sweep.strengths=[2]"],
            "sweep.strengths has 2. SDEdit's strength is t0, above 0 and at most 1.",
        ),
        (["method=ddib", "sweep.strengths=[-1]"], "sweep.strengths has -1. DDIB's strength is guidance, at least 0."),
        (["recipe.imagic.finetune.steps=-1"], "recipe.imagic.finetune.steps is -1. It must be a whole number from 0."),
        (["method=ddib", "recipe.ddib.sampling.steps=0"], "recipe.ddib.sampling.steps is 0."),
        (["method=sdedit", "recipe.sdedit.sampling.guidance=x"], "recipe.sdedit.sampling.guidance is 'x'."),
        (["method=text2live", "recipe.text2live.views.crop=2"], "recipe.text2live.views.crop is 2."),
        (["+method.speed=3"], "'+method.speed=3' would add an option that nothing reads."),
    ],
)
def test_a_wrong_choice_is_refused_before_weights_are_loaded(wrong, words, no_weights, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=f"^{re.escape(words)}"):
        RunSpec.of(resolved(compose("run", wrong)))
