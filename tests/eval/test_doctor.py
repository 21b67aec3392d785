from __future__ import annotations

import sys

import pytest

from eval.doctor import main


def test_the_doctor_finds_the_embedded_model_and_says_how_to_get_the_rest(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("IMAGIC_BENCH_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["eval.doctor"])
    try:
        main()
    except SystemExit as end:
        pytest.fail(f"exit status {end.code}")
    said = capsys.readouterr().out
    assert "embedded" in said and "The embedded default can run" in said
    assert "hf download stable-diffusion-v1-5/stable-diffusion-v1-5" in said
    for key, part in (("path", "IF-I-XL-v1.0"), ("upscaler_path", "IF-II-L-v1.0")):
        assert f"hf download DeepFloyd/{part}, or model.{key}=FOLDER" in said
    assert "hf download stabilityai/stable-diffusion-x4-upscaler, or model.last_path=FOLDER" in said
    assert "alexnet" in said and "torch" in said
