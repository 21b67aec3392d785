"""SDEdit, DDIB and precomputed images in the main job, on the embedded model with few steps."""

from __future__ import annotations

import hashlib
import json

import pandas as pd
import pytest
from PIL import Image

pytestmark = pytest.mark.usefixtures("blank_figures")

QUICK = [
    "numerics.threads=1",
    "numerics.sample_batch=3",
    "dataset.limit=2",
    "recipe.imagic.embedding.steps=1",
    "recipe.imagic.embedding.draws=1",
    "recipe.imagic.finetune.steps=1",
    "recipe.imagic.finetune.draws=1",
    "recipe.imagic.sampling.steps=1",
    "recipe.sdedit.sampling.steps=2",
    "recipe.ddib.sampling.steps=2",
]


@pytest.fixture
def run(command, tmp_path):
    """``python -m eval.run`` with few steps, in a folder of its own."""

    def do(*overrides):
        without_recipes = {"method=precomputed", "model=none"} & set(overrides)
        quick = [o for o in QUICK if not any(given.split("=")[0] == o.split("=")[0] for given in overrides)]
        quick = [o for o in quick if not (without_recipes and o.startswith("recipe."))]
        return command("eval.run", *quick, *overrides, cwd=tmp_path)

    return do


def images(folder):
    return {
        f"{path.parent.name}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob("pairs/*/*-s*.png"))
    }


def test_several_methods_are_one_command_and_each_has_its_axis(run, tmp_path):
    status, out, err = run(
        "-m", "method=imagic,sdedit,ddib", "dataset.limit=1", "sweep.strengths=[0.5,1]", "sweep.seeds=[0,1]"
    )
    assert status == 0, err
    assert "ddib draws no random numbers: one image a strength, kept as seed 0" in out
    runs = {folder.name.split("-")[2]: folder for folder in (tmp_path / "runs").iterdir()}
    tables = {name: pd.read_parquet(folder / "samples.parquet") for name, folder in runs.items()}
    assert {name: (set(t["axis"]), len(t)) for name, t in tables.items()} == {
        "imagic": ({"eta"}, 4),
        "sdedit": ({"t0"}, 4),
        "ddib": ({"guidance"}, 2),
    }
    for folder in runs.values():
        curves = pd.read_csv(folder / "curves.csv")
        assert set(curves["n_pairs"]) == {1} and (curves["n_images"] == curves["n_expected"]).all()
        assert all((folder / name).stat().st_size for name in ("strips.png", "curves.png", "report.html"))
    assert "t₀" in (runs["sdedit"] / "report.html").read_text()


def captions(tmp_path, texts):
    for name in texts:
        Image.new("RGB", (64, 64), "teal").save(tmp_path / name)
    rows = [
        {"image": name, "target_text": "A red bird."} | ({"source_text": text} if text else {})
        for name, text in texts.items()
    ]
    (tmp_path / "pairs.json").write_text(json.dumps(rows))
    return ["dataset=folder", "dataset.file=pairs.json", "method=ddib", "run_dir=run", "~metrics"]


def test_a_pair_without_a_source_text_is_a_failed_row_until_it_has_one(run, tmp_path):
    dataset = captions(tmp_path, {"a.png": "", "b.png": "A bird."})
    status, out, _ = run(*dataset)
    assert status == 1 and "needs source_text" in out and "1 of 2 pairs done" in out
    made = images(tmp_path / "run")
    captions(tmp_path, {"a.png": "A dog.", "b.png": "A bird."})
    assert run(*dataset, "run.retry_failed=true")[0] == 0
    assert made.items() < images(tmp_path / "run").items()
    captions(tmp_path, {"a.png": "A dog.", "b.png": "Another bird."})
    status, _, err = run(*dataset)
    assert status == 2 and "'Another bird.'" in err and "was made with 'A bird.'" in err


def test_a_dataset_without_source_texts_is_refused_at_once(run, tmp_path):
    status, _, err = run(*captions(tmp_path, {"a.png": "", "b.png": ""}))
    assert status == 2 and "none of the 2 pairs has it" in err and not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["method=sdedit", "sweep.strengths=[0,1]"], "above 0 and at most 1"),
        (["method=sdedit", "method.stochasticity=2"], "from 0 to 1"),
        (["method=ddib", "sweep.strengths=[-1]"], "at least 0"),
        (["method=ddib", "recipe.ddib.sampling.steps=2000"], "1000 timesteps"),
        (["method=precomputed"], "method.folder"),
        (["method=imagic", "model=none"], "model=none has no recipe for method=imagic"),
    ],
)
def test_what_cannot_start_says_why_in_one_line(run, tmp_path, overrides, words):
    status, _, err = run(*overrides)
    assert status == 2
    (line,) = [line for line in err.splitlines() if line.strip()]
    assert line.startswith("error: ") and words in line
    assert not (tmp_path / "runs").exists()


def test_images_made_elsewhere_are_scored_without_a_model_and_counted(run, tmp_path):
    Image.new("RGB", (64, 64), "teal").save(tmp_path / "a.png")
    rows = [{"image": "a.png", "target_text": text} for text in ("A red bird.", "A dog.", "A cat.")]
    (tmp_path / "pairs.json").write_text(json.dumps(rows))
    (tmp_path / "made").mkdir()
    Image.new("RGB", (30, 20), "red").save(tmp_path / "made" / "a_A_red_bird.jpg")
    (tmp_path / "made" / "a_A_dog.jpg").write_text("no picture")
    settings = [
        "method=precomputed",
        "method.folder=made",
        'method.pattern="{image_stem}_{text}.jpg"',
        "dataset.limit=3",
    ]
    dataset = ["dataset=folder", "dataset.file=pairs.json", "dataset.size=32", "metrics=picturebook"]
    status, out, err = run(*settings, *dataset, "method.name=mine", "sweep.seeds=[0,1]")
    assert status == 1 and "1 of 3 pairs have no edited image" in err
    assert "1 of 3 pairs done" in out and "missing: a_A_cat.jpg" in out and "cannot be read as an image" in out
    run = tmp_path / out.strip().splitlines()[-1]
    assert run.name.startswith("folder-none-mine-")
    samples = pd.read_parquet(run / "samples.parquet")
    assert sorted(samples["status"]) == ["failed", "failed", "ok"] and set(samples["axis"]) == {"as_published"}
    assert '"resized_from": {"a_A_red_bird.jpg": "30×20"}' in (run / "events.jsonl").read_text()
    assert set(pd.read_csv(run / "curves.csv")["n_images"]) == {1}
