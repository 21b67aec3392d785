"""What a run will take is reckoned from a few steps."""

from __future__ import annotations

import pytest

from eval.engine.estimate import Estimate, PairCost, one_batch, steps, with_steps
from eval.engine.plan_text import memory, size, span
from tedbench.method import Axis

METHOD = {
    "_target_": "imagic.editor.Imagic",
    "embedding": {"steps": 250, "lr": 0.01},
    "finetune": {"steps": 0, "lr": 1e-4},
    "sampling": {"steps": 30},
    "variant": {"latents": "mean"},
}


def test_the_steps_of_every_stage_are_found_and_replaced():
    assert steps(METHOD) == {"embedding.steps": 250, "sampling.steps": 30}
    few = with_steps(METHOD, {"embedding.steps": 3, "sampling.steps": 9})
    assert few == METHOD | {"embedding": {"steps": 3, "lr": 0.01}, "sampling": {"steps": 9}}


class Seeded:
    """As far as an editor's batches go."""

    axis = Axis("s", "s", (0.0, 1.0))

    def __init__(self, randomness):
        self.randomness = randomness


@pytest.mark.parametrize(("count", "size"), [(88, 11), (3, 16), (16, 16), (17, 16), (1, 1)])
def test_a_batch_is_full_and_has_the_strongest(count, size):
    requests = [(float(i), 0) for i in range(count)]
    batch = one_batch(Seeded("sample"), requests, size)
    assert len(batch) == min(count, size) and batch[-1] == requests[-1] and batch == sorted(set(batch))


def test_where_a_seed_is_a_fit_a_batch_is_all_of_one_seed():
    requests = [(s, k) for s in (0.0, 1.0) for k in (0, 1, 2)]
    assert one_batch(Seeded("fit"), requests, 1) == [(0.0, 0), (1.0, 0)]


def test_workers_share_the_pairs_and_each_loads_its_model():
    found = Estimate(100, 88, 10.0, PairCost(60.0, 30.0, 10.0, 2_000, 500), {"peak_gib": 13.8}, "cuda", 1)
    assert found.seconds() == 10 + 100 * 100
    assert found.seconds(8) == 10 + 13 * 100  # the last of eight rounds of 12 has 4 pairs more
    assert found.bytes == 100 * 2_500
    assert memory(found, 4) == "13.8 GiB of each GPU"
    assert memory(found._replace(peak={"peak_process_gib": 1.5}), 4) == "6.0 GiB"


def test_times_and_sizes_read_well():
    assert [span(s) for s in (0.42, 42, 250, 9000, 400_000)] == ["0.42 s", "42 s", "4.2 min", "2.5 h", "4.6 days"]
    assert [size(b) for b in (5e3, 2.5e6, 7e9, 3e12)] == ["5 kB", "2.5 MB", "7.0 GB", "3.0 TB"]


def test_a_plan_names_the_whole_run_and_leaves_nothing_behind(tiny_folder, tmp_path, command):
    metrics = ["metrics=full", *(f"~metrics.{name}" for name in ("clip", "clip_large", "clip_direction", "clip_image"))]
    metrics += ["~metrics.lpips", "~metrics.lpips_vgg", "~metrics.dino"]
    tiny = [f"model.path={tiny_folder}", "model.image_size=16", "numerics.threads=1", "numerics.sample_batch=4"]
    sweep = ["sweep.strengths=[0,0.5,1]", "sweep.seeds=[0,1]", "fits.keep=weights"]
    status, out, err = command("eval.plan", *tiny, *sweep, *metrics, cwd=tmp_path)
    assert status == 0, err
    assert "7 pairs × 6 images = 42 images" in out
    assert "kept fits" in out and "GiB" in out and "this machine has" in out
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_planned_says_why(tmp_path, monkeypatch, command):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    status, _, err = command("eval.plan", "model=sd15", cwd=tmp_path)
    assert status == 2 and "hf download stable-diffusion-v1-5" in err
