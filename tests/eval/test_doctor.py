from __future__ import annotations

import pytest

from eval.engine.doctor_checks import models
from imagic.models.pins import PINS, UNET


def test_the_doctor_finds_the_embedded_model_and_says_how_to_get_the_rest(monkeypatch, command, tmp_path):
    monkeypatch.setenv("IMAGIC_BENCH_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    status, said, _ = command("eval.doctor")
    assert status == 0
    assert "embedded" in said and "The embedded default can run" in said
    assert "hf download stable-diffusion-v1-5/stable-diffusion-v1-5" in said
    parts = {"path": "DeepFloyd/IF-I-XL-v1.0", "upscaler_path": "DeepFloyd/IF-II-L-v1.0"}
    for key, name in {**parts, "last_path": "stabilityai/stable-diffusion-x4-upscaler"}.items():
        assert f"hf download {name} --revision {PINS[name].revision}, or model.{key}=FOLDER" in said
    assert "alexnet" in said and "torch" in said


def test_a_model_in_the_hubs_cache_is_found_by_its_pinned_commit(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    name = "stable-diffusion-v1-5/stable-diffusion-v1-5"
    for commit, there in (("0" * 40, None), (PINS[name].revision, True)):
        file = tmp_path / f"models--{name.replace('/', '--')}" / "snapshots" / commit / UNET
        file.parent.mkdir(parents=True)
        file.touch()
        assert {finding.what: finding.there for finding in models()}["sd15"] is there


def test_weights_in_half_precision_alone_are_there_and_said(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    name = "stable-diffusion-v1-5/stable-diffusion-v1-5"
    file = tmp_path / f"models--{name.replace('/', '--')}" / "snapshots" / PINS[name].revision / UNET
    half = file.with_suffix(".fp16.safetensors")
    half.parent.mkdir(parents=True)
    half.touch()
    (found,) = (finding for finding in models() if finding.what == "sd15")
    assert found.there and "in fp16 alone" in found.facts
    file.touch()
    (found,) = (finding for finding in models() if finding.what == "sd15")
    assert found.there and "fp16" not in found.facts


@pytest.mark.parametrize(
    "file", ["diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.safetensors.index.json"]
)
def test_a_transformer_in_one_or_in_several_files_is_found(monkeypatch, tmp_path, file):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    name = "black-forest-labs/FLUX.1-dev"
    place = tmp_path / f"models--{name.replace('/', '--')}" / "snapshots" / PINS[name].revision / "transformer" / file
    place.parent.mkdir(parents=True)
    place.touch()
    assert {finding.what: finding.there for finding in models()}["flux"] is True


def test_a_folder_that_its_user_makes_is_looked_for_where_the_preset_says(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (found,) = (finding for finding in models() if finding.what == "cosxl")
    assert found.there is None and "cosxl.yaml says how it is made" in found.mend
    (tmp_path / "weights" / "cosxl-edit").mkdir(parents=True)
    (found,) = (finding for finding in models() if finding.what == "cosxl")
    assert found.there
