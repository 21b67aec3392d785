"""Every method with its recipe for Stable Diffusion, on folders in the true formats, narrow and with random weights."""

from __future__ import annotations

import numpy as np
import pytest
from diffusers import DDIMScheduler, PNDMScheduler

from cli.command import compose, resolved
from imagic.models.latent import LatentDiffusion
from imagic.models.latent_xl import LatentDiffusionXL
from tedbench.build import build
from tests.baselines.editors import pair_with
from tests.imagic.test_formats import SD15_SCHEDULE, narrow_stable_diffusion
from tests.imagic.test_latent_xl import narrow_sdxl
from tests.test_contract import METHODS, RECIPES

pytestmark = pytest.mark.slow

NAMES = [name for name in METHODS if name != "text2live"]  # it has no diffusion model


@pytest.fixture(scope="module", params=["sd15", "sd21", "sdxl"])
def model(request, text_config, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "sdxl":
        return LatentDiffusionXL.load(str(narrow_sdxl(folder, text_config)), image_size=64)
    scheduler = PNDMScheduler(**SD15_SCHEDULE, skip_prk_steps=True, set_alpha_to_one=False)
    if request.param == "sd21":
        scheduler = DDIMScheduler(**SD15_SCHEDULE, prediction_type="v_prediction", set_alpha_to_one=False)
    return LatentDiffusion.load(str(narrow_stable_diffusion(folder, scheduler, text_config)))


@pytest.mark.parametrize("name", NAMES)
def test_two_steps_give_two_pictures_and_leave_the_network_as_it_was(model, name):
    quick = {**METHODS[name], "sampling.steps": 2, "finetune.steps": 2, "embedding.steps": 2}
    recipe = RECIPES.get(name, name)
    known = resolved(compose("run", ["model=sd15", f"method={name}"]))["recipe"][recipe]
    few = [
        f"recipe.{recipe}.{key}={value}"
        for key, value in quick.items()
        if key.split(".")[0] in known and key != "control.feature"
    ]
    settings = resolved(compose("run", ["model=sd15", f"method={name}", *few]))["method"]
    del settings["name"]
    editor = build(settings, model=model, seed=0, sample_batch=2)
    before = {key: value.clone() for key, value in model.network.state_dict().items()}
    rng = np.random.default_rng(0)
    pair = pair_with(rng.integers(0, 256, (model.image_size, model.image_size, 3), dtype=np.uint8))
    strengths = (editor.axis.grid[1], editor.axis.grid[-1])
    with editor.fit(pair) as edit:
        samples = list(edit.sample([(strength, 0) for strength in strengths]))
    assert [sample.image.shape for sample in samples] == [pair.image.shape] * 2
    assert not np.array_equal(samples[0].image, samples[1].image)
    assert all(bool((value == before[key]).all()) for key, value in model.network.state_dict().items())
