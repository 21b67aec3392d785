"""Hostile edited images and texts in one run: each is scored, or told of in one line; the others are unharmed."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eval.runs.folder import Run

pytestmark = pytest.mark.usefixtures("blank_figures")

TORN = "A dog that was torn."
TEXTS = {
    "cmyk.jpg": " ".join(["A dog runs"] * 167),  # 501 words
    "deep.png": "A dog 🐕‍🦺 and 👩🏽‍🚀 — naïve “quotes” & <b>tags</b>.",
    "animated.gif": "كلب يجلس على العشب",
    "tiny.png": "A small dog.",
    "long.png": "A long dog.",
    "torn.png": TORN,
}


def write_edits(folder: Path) -> None:
    rng = np.random.default_rng(0)
    noise = [Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)) for _ in range(2)]
    noise[0].convert("CMYK").save(folder / "cmyk.jpg")
    Image.fromarray(rng.integers(0, 2**16, (64, 64), dtype=np.uint16)).save(folder / "deep.png")
    noise[0].save(folder / "animated.gif", save_all=True, append_images=[noise[1]])
    Image.new("RGB", (1, 1), "red").save(folder / "tiny.png")
    Image.new("RGB", (20_000, 40), "red").save(folder / "long.png")
    noise[0].save(folder / "torn.png")
    (folder / "torn.png").write_bytes((folder / "torn.png").read_bytes()[:5000])


def test_hostile_edits_and_texts_are_scored_and_what_cannot_be_read_is_told_of(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    write_edits(tmp_path)
    Image.new("RGB", (64, 64), "teal").save("input.png")
    rows = [{"image": "input.png", "target_text": text} for text in TEXTS.values()]
    Path("pairs.json").write_text(json.dumps(rows))
    with open("edits.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerows(
            [("image", "target_text", "file"), *(("input.png", text, name) for name, text in TEXTS.items())]
        )
    options = [
        "dataset=folder",
        "dataset.file=pairs.json",
        "method=precomputed",
        "method.file=edits.csv",
        "metrics=picturebook",
        "run_dir=run",
    ]
    status, out, err = command("eval.run", *options, "numerics.threads=1", "dataset.size=64")
    assert status == 1, out + err
    assert "Traceback" not in out + err
    run = Run.open(tmp_path / "run")
    samples = run.samples().set_index("target_text")
    assert dict(samples["status"]) == {text: "failed" if text == TORN else "ok" for text in TEXTS.values()}
    reason = samples.loc[TORN, "reason"]
    assert "torn.png cannot be read as an image" in reason and "\n" not in reason and "torn.png" in out
    scores = run.scores()
    for word in ("clip/", "lpips/"):
        found = scores[scores["metric"].str.startswith(word)]
        assert len(found) == 5 and np.isfinite(found["score"]).all()
    assert "cut" in out + err  # the 501 words
    assert (run.folder / "report.html").stat().st_size and (run.folder / "curves.png").stat().st_size
