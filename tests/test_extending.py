"""The examples of docs/extending.md are what they say: short, and a command line away from a run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from eval.runs.folder import Run

pytestmark = pytest.mark.usefixtures("blank_figures")

PAGE = (Path(__file__).parents[1] / "docs" / "extending.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^`([\w./]+)`:\n\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
(SCORE,) = re.findall(r"^    python -m eval.score (.*)$", PAGE, re.MULTILINE)
NAMES = ("redraw", "hold")
COMMAND, MORE = re.findall(r"^    python -m eval.run (.*)$", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def here(tmp_path_factory) -> Path:
    """A folder with the page's files and two pictures."""
    here = tmp_path_factory.mktemp("extending")
    for name, content in FILES.items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(content, encoding="utf-8")
    (here / "pictures").mkdir()
    for name, color in (("wall", (200, 40, 40)), ("sea", (30, 60, 220))):
        noise = np.random.default_rng(0).integers(-20, 20, (32, 32, 3))
        Image.fromarray((np.array(color) + noise).clip(0, 255).astype(np.uint8)).save(here / "pictures" / f"{name}.png")
    (here / "pictures" / "wall.txt").write_text("A green wall.\nA blue wall.\n")
    (here / "pictures" / "sea.txt").write_text("A red sea.\n")
    return here


@pytest.fixture(scope="module")
def made(here, command) -> Path:
    """The run of the page's first command line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(here))
        own = ["numerics.threads=1", "sweep.seeds=[0,1]"]
        status, out, err = command("eval.run", *shlex.split(COMMAND), *own, cwd=here)
    assert status == 0, out + err
    return here / out.strip().splitlines()[-1]


def test_each_example_has_at_most_60_lines():
    assert {Path(name).suffix for name in FILES} == {".py", ".yaml", ".json"} and len(FILES) == 13
    assert all(content.count("\n") <= 60 for content in FILES.values())


def test_method_model_and_dataset_make_what_the_texts_say(made):
    run = Run.open(made)
    samples = run.samples()
    assert run.folder.name.startswith("texts-gaussian-crossfade-")
    assert len(samples) == 3 * 5 * 2 and set(samples["status"]) == {"ok"}
    for row in samples[samples["strength"] == 1].to_dict("records"):
        color = run.shard(row["pair_id"]).image(row["image"]).mean(axis=(0, 1))
        asked = next(i for i, word in enumerate(("red", "green", "blue")) if word in row["target_text"])
        assert color.argmax() == asked and color[asked] > 2 * np.delete(color, asked).max()
    for row in samples[samples["strength"] == 0].to_dict("records"):
        shard = run.shard(row["pair_id"])
        assert np.abs(shard.image(row["image"]).astype(int) - shard.input()).max() <= 1


def test_the_metric_is_measured_and_falls_along_the_strength(made):
    scores = Run.open(made).scores()
    overlap = scores[scores["metric"] == "histogram/8/native"].groupby("strength")["score"].mean()
    assert overlap[0.0] > 0.95 and overlap[1.0] < 0.5
    assert "histogram" in " ".join(pd.read_csv(made / "curves.csv")["metric"])
    card = Run.open(made).metrics["histogram/8/native"]
    assert (card.heading, card.kind, card.reads) == ("colours kept", "fidelity", ())
    assert "colours kept" in (made / "report.html").read_text(encoding="utf-8")


def test_a_saved_run_is_scored_with_it(made, here, command):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(here))
        given = shlex.split(SCORE.replace("runs/NAME", str(made)))
        status, out, err = command("eval.score", *given, "~metrics.judge_success", "numerics.threads=1", cwd=here)
    assert status == 0 and "histogram/8/native: 30 of 30 images scored" in out + err


def test_methods_on_noise_maps_and_attention_keep_the_input_at_their_weak_end(here, command):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(here))
        few = ["dataset.limit=1", "method.steps=10", "~metrics", "numerics.threads=1"]
        for name in NAMES:
            given = MORE.replace(f"-m method={','.join(NAMES)}", f"method={name}")
            status, out, err = command("eval.run", *shlex.split(given), *few, cwd=here)
            assert status == 0, out + err
    for name in NAMES:
        run = Run.open(next((here / "runs").glob(f"picturebook-picturebook-{name}-*")))
        samples = run.samples()
        assert set(samples["status"]) == {"ok"} and samples["pair_id"].nunique() == 1
        changed = {}
        for row in samples.to_dict("records"):
            shard = run.shard(row["pair_id"])
            change = np.abs(shard.image(row["image"]).astype(float) - shard.input()).mean()
            changed.setdefault(row["strength"], []).append(change)
        weak, *_, strong = [np.mean(changed[strength]) for strength in sorted(changed)]
        assert weak < 0.9 * strong, (name, changed)
