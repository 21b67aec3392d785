"""The whole run by a service on loopback: the example's own, and one that answers as a test writes."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.baselines.service import edited, png, refused, serving

ROOT = Path(__file__).parents[2]
KEY = "sk-very-secret-0123456789"
PAIRS = ["dataset=picturebook", "dataset.limit=3", "sweep.seeds=[0]", "numerics.threads=1"]


def images(run):
    return {str(path.relative_to(run)): path.read_bytes() for path in sorted(run.glob("pairs/*/*.png"))}


@pytest.mark.slow
def test_a_service_of_ones_own_gives_the_images_of_the_method_in_process(tmp_path, tiny_pipeline, command):
    tiny_pipeline().pipeline.save_pretrained(tmp_path / "tiny")
    model = ["model=ip2p", "model.path=tiny", "model.image_size=16", "recipe.pipeline.call.num_inference_steps=2"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, str(ROOT / "examples" / "edit_server.py"), str(port), *model]
    server = subprocess.Popen(
        words, cwd=tmp_path, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(ROOT), "PATH": ""}
    )
    try:
        assert "serving" in server.stdout.readline()
        service = [
            "method=endpoint",
            f"method.url=http://127.0.0.1:{port}/v1",
            "method.model_name=mine",
            "model.image_size=16",
        ]
        service += ["method.terms.key=null", "method.seed_field=seed", "method.axis.argument=guidance_scale"]
        strengths = ["sweep.strengths=[2,5]", "~metrics"]
        done = command("eval.run", *service, *PAIRS, *strengths, "run_dir=served", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    finally:
        server.kill()
        server.wait()
    done = command("eval.run", "method=pipeline", *model, *PAIRS, *strengths, "run_dir=own", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    own, served = images(tmp_path / "own"), images(tmp_path / "served")
    assert len(own) >= 9 and served == own
    again = command("eval.run", *service, *PAIRS, *strengths, "run_dir=again", cwd=tmp_path)  # the service is gone
    assert again.returncode == 0 and images(tmp_path / "again") == served


def test_troubles_of_a_service_are_rows_and_no_key_is_in_any_file(tmp_path, command, monkeypatch):
    monkeypatch.setenv("MY_KEY", KEY)

    def answer(number, body, headers):
        assert headers["authorization"] == f"Bearer {KEY}"
        if b"a sitting" in body.lower() or number == 0:
            return refused(400, f"{KEY} may not ask for this")
        return edited(png((64, 48), (number, 9, 9, 128), "RGBA"), echo=KEY, model=f"mine {KEY}")

    options = ["method=endpoint", "method.model_name=mine", "method.terms.key=MY_KEY", "model.image_size=64", *PAIRS]
    with serving(answer) as (url, bodies):
        done = command("eval.run", *options, f"method.url={url}", "~metrics", "run_dir=run", cwd=tmp_path)
        assert done.returncode == 1 or done.returncode == 0, done.stderr
        samples = pd.read_parquet(tmp_path / "run" / "samples.parquet")
        assert list(samples["status"]).count("failed") == 1 and len(bodies) == 3
        assert (
            samples[samples["status"] == "failed"]["reason"].item()
            == "the service refuses it: HTTP 400, … may not ask for this"
        )
        assert set(samples[samples["status"] == "ok"]["edit_size"]) == {"64×48"}
        report = (tmp_path / "run" / "report.html").read_text()
        assert "The service said that it is mine … (2 of 2 pairs)." in report
        assert "2 of 2 images came back as 64×48 (2) and were cut to their centre square and resized." in report
        more = ["method.terms.retries=1", "method.terms.answers=answers", "run.retry_failed=true"]
        again = command("eval.run", *options, *more, f"method.url={url}", "~metrics", "run_dir=run", cwd=tmp_path)
        assert again.returncode == 0, again.stderr  # terms may change, and kept answers stay
        assert len(bodies) == 4
    monkeypatch.delenv("MY_KEY")
    finished = command("eval.run", *options, *more, f"method.url={url}", "~metrics", "run_dir=run", cwd=tmp_path)
    assert finished.returncode == 0 and "complete" in finished.stdout + finished.stderr  # a finished run needs no key
    lacking = command("eval.run", *options, f"method.url={url}", "~metrics", "run_dir=other", cwd=tmp_path)
    assert lacking.returncode == 2 and "$MY_KEY is not set" in lacking.stderr and not (tmp_path / "other").exists()
    wrong = command("eval.run", *options, f"method.terms.key={KEY}", f"method.url={url}", "run_dir=other", cwd=tmp_path)
    assert wrong.returncode == 2 and not (tmp_path / "other").exists()
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert "terms" not in config["fit"]["method"] and config["how"]["method_terms"]["key"] == "MY_KEY"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 15 and not [path for path in files if KEY.encode() in path.read_bytes()]
    assert not [
        text for each in (done, again, finished, lacking, wrong) for text in (each.stdout, each.stderr) if KEY in text
    ]
