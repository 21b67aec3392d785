"""The main job on the embedded model, with few steps: real command lines, real pictures."""

from __future__ import annotations

import hashlib
import json
import shutil
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from eval.runs.writer import RunWriter
from tedbench.pair import Entry

pytestmark = pytest.mark.usefixtures("blank_figures")

QUICK = [
    "recipe.imagic.embedding.steps=2",
    "recipe.imagic.embedding.draws=1",
    "recipe.imagic.finetune.steps=2",
    "recipe.imagic.finetune.draws=1",
    "recipe.imagic.sampling.steps=2",
    "numerics.threads=1",
    "numerics.sample_batch=3",
    "sweep.strengths=[0,0.5,1]",
]
UNSCORED = "~metrics"
"""For what is asked of images alone."""


@pytest.fixture(scope="module")
def edit(command):
    """``python -m eval.run`` in this process, with few steps."""
    return partial(command, "eval.run", *QUICK)


@pytest.fixture
def small_edit(edit, tiny_folder):
    """The same on a tiny model, whose pictures nobody looks at, without metrics."""
    return partial(edit, f"model.path={tiny_folder}", "model.image_size=16", UNSCORED)


def images(folder):
    """Every edited image of a run, by name, as digests of its bytes."""
    found = sorted((folder / "pairs").glob("*/*.png"))
    return {f"{p.parent.name}/{p.name}": hashlib.sha256(p.read_bytes()).hexdigest() for p in found}


@pytest.fixture(scope="module")
def uncut(edit, tmp_path_factory):
    """A complete run of three pairs."""
    folder = tmp_path_factory.mktemp("uncut")
    done = edit("dataset.limit=3", cwd=folder)
    assert done.returncode == 0, done.stderr
    run = folder / done.stdout.strip().splitlines()[-1]
    return folder, run, done


def test_the_last_line_is_the_run_folder_named_after_what_it_is(uncut):
    _, run, _ = uncut
    assert run.is_dir() and run.parent.name == "runs"
    assert run.name.startswith("picturebook-picturebook-imagic-") and len(run.name.rpartition("-")[2]) == 8


def test_a_run_leaves_images_tables_curves_and_report(uncut):
    _, run, _ = uncut
    samples, scores = pd.read_parquet(run / "samples.parquet"), pd.read_parquet(run / "scores.parquet")
    assert len(samples) == 3 * 3 and set(samples["status"]) == {"ok"}
    assert len(scores) == 5 * 3 * 3
    assert all(Image.open(run / image).size == (64, 64) for image in samples["image"])
    curves = pd.read_csv(run / "curves.csv")
    assert set(curves["n_pairs"]) == {3} and set(curves["n_expected"]) == {3}
    assert sorted(curves["metric"].str.split("/").str[0].unique()) == ["1-lpips", "clip", "judge"]
    for name in (
        "curves.png",
        "curves.pdf",
        "strips.png",
        "report.html",
        "provenance.json",
        "events.jsonl",
        "config.yaml",
    ):
        assert (run / name).stat().st_size > 0
    assert "Picturebook (synthetic)" in (run / "report.html").read_text()


def test_repeating_the_command_does_nothing_again(uncut, edit):
    folder, run, first = uncut
    before = images(run)
    events = (run / "events.jsonl").read_text().count('"event": "pair"')
    again = edit("dataset.limit=3", cwd=folder)
    assert again.returncode == 0 and again.stdout.splitlines()[-1] == first.stdout.splitlines()[-1]
    assert "complete: 3 of 3 pairs are already there" in again.stdout
    assert images(run) == before
    assert (run / "events.jsonl").read_text().count('"event": "pair"') == events


def test_without_metrics_images_are_made_and_scored_later(uncut, tmp_path, edit, command):
    done = edit("~metrics", "dataset.limit=1", "run_dir=run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert images(tmp_path / "run").items() <= images(uncut[1]).items()
    again = edit("~metrics", "dataset.limit=1", "run_dir=run", cwd=tmp_path)
    assert again.returncode == 0 and "complete: 1 of 1" in again.stdout
    scored = command("eval.score", "run=run", "metrics=picturebook", cwd=tmp_path)
    assert scored.returncode == 0, scored.stderr
    scores = pd.read_parquet(tmp_path / "run" / "scores.parquet")
    assert scores.pair_id.nunique() == 1 and len(scores.metric.unique()) == 5


def test_the_embedded_cascade_runs_with_its_upscaler_tuned_or_not(tmp_path, edit):
    few = [
        "recipe.imagic.upscaler.steps=2",
        "model.upscaling.steps=2",
        "dataset.limit=1",
        "sweep.strengths=[0]",
        UNSCORED,
    ]
    for method in ("imagic", "imagic_no_sr_finetune"):
        done = edit("model=picturebook_cascade", f"method={method}", *few, f"run_dir={method}", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    tuned, plain = (images(tmp_path / method) for method in ("imagic", "imagic_no_sr_finetune"))
    assert tuned.keys() == plain.keys() and tuned != plain


def test_order_and_neighbours_do_not_matter(uncut, tmp_path, edit):
    _, whole, _ = uncut
    last = sorted(p.name for p in (whole / "pairs").iterdir())[-1]
    done = edit(f"dataset.ids=[{last}]", UNSCORED, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    alone = images(tmp_path / "runs" / whole.name)
    assert alone == {name: digest for name, digest in images(whole).items() if name.startswith(last)}


def test_a_longer_sweep_makes_only_what_is_missing(uncut, tmp_path, edit):
    _, whole, _ = uncut
    shutil.copytree(whole, tmp_path / "runs" / whole.name)
    before = images(whole)
    longer = ["dataset.limit=1", "sweep.strengths=[0,0.5,1,1.5]", UNSCORED]
    done = edit(*longer, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    after = images(tmp_path / "runs" / whole.name)
    assert before.items() <= after.items() and len(after) == len(before) + 1
    assert edit(*longer, "run_dir=at_once", cwd=tmp_path).returncode == 0
    assert images(tmp_path / "at_once").items() <= after.items()


def folder_dataset(tmp_path, rows):
    (tmp_path / "pairs.json").write_text(json.dumps(rows))
    return ["dataset=folder", "dataset.file=pairs.json"]


def test_an_unreadable_image_is_a_failed_row_and_the_others_are_kept(uncut, tmp_path, edit):
    _, whole, _ = uncut
    shutil.copy(next((whole / "pairs").glob("*/input.png")), tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"no image at all")
    rows = [{"image": name, "target_text": "A sitting dog."} for name in ("bad.png", "good.png")]
    dataset = folder_dataset(tmp_path, rows)
    done = edit(*dataset, cwd=tmp_path)
    assert done.returncode == 1
    run = tmp_path / done.stdout.strip().splitlines()[-1]
    status = pd.read_parquet(run / "samples.parquet").groupby("image_name")["status"].first()
    assert dict(status) == {"bad.png": "failed", "good.png": "ok"}
    curves = pd.read_csv(run / "curves.csv")
    assert set(curves["n_pairs"]) == {1} and set(curves["n_expected"]) == {2}
    assert "cannot be read as an image" in (run / "report.html").read_text()
    shutil.copy(tmp_path / "good.png", tmp_path / "bad.png")
    assert edit(*dataset, UNSCORED, cwd=tmp_path).returncode == 0


def test_missing_images_are_told_before_the_model_is_loaded_and_fail_once(uncut, tmp_path, edit):
    shutil.copy(next((uncut[1] / "pairs").glob("*/input.png")), tmp_path / "good.png")
    rows = [{"image": name, "target_text": "A sitting dog."} for name in ("god.png", "good.png")]
    done = edit(*folder_dataset(tmp_path, rows), UNSCORED, "sweep.strengths=[0]", cwd=tmp_path)
    warning = "warning: 1 of 2 pairs will fail, as their files do not exist, such as god.png"
    assert done.returncode == 1 and done.stdout.index(warning) < done.stdout.index("loading picturebook")
    assert done.stdout.count("failed god.png") == 1 and "1 of 2 pairs done" in done.stdout


def test_a_list_without_a_readable_image_is_refused_and_nothing_is_made(tmp_path, edit):
    (tmp_path / "bad.png").write_bytes(b"no image at all")
    rows = [{"image": name, "target_text": "A sitting dog."} for name in ("god.png", "bad.png")]
    done = edit(*folder_dataset(tmp_path, rows), UNSCORED, cwd=tmp_path)
    assert done.returncode == 2 and "None of the dataset's pairs can be read (god.png, bad.png)" in done.stderr
    assert "loading" not in done.stdout and not (tmp_path / "runs").exists()


def test_retrying_a_pair_that_lacks_nothing_of_what_is_asked_makes_nothing(uncut, tmp_path, edit):
    _, whole, _ = uncut
    shutil.copytree(whole, tmp_path / "runs" / whole.name)
    run = RunWriter.open(tmp_path / "runs" / whole.name)
    row = run.samples().iloc[0]
    run.write_failure(Entry(row["image_name"], row["target_text"]), [(2.0, 0)], "out of memory")
    before = images(run.folder)
    done = edit(f"dataset.ids=[{row['pair_id']}]", "run.retry_failed=true", UNSCORED, cwd=tmp_path)
    assert "1 of 1 pairs are already there" in done.stdout and "out of memory" in done.stdout
    assert images(run.folder) == before


def test_a_diverging_fit_fails_its_pair_alone(tmp_path, small_edit):
    done = small_edit("dataset.limit=1", "recipe.imagic.finetune.lr=inf", cwd=tmp_path)
    assert done.returncode == 1
    assert "DivergedError" in done.stdout and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["model=sd15"], "hf download stable-diffusion-v1-5/stable-diffusion-v1-5"),
        (["model.path=no/such/folder"], "does not exist"),
        (["dataset=folder", "dataset.file=none.csv"], "none.csv"),
        (["dataset=tedbench", "dataset.root=nowhere"], "nowhere"),
        (["metrics=standard"], "cannot be loaded"),
        (["numerics.device=cuda:7"], "no device"),
        (["recipe.imagic.finetune.lr=much"], "must be a number"),
        (["recipe.imagic.finetune.decay=1.5"], "from 0 to 1"),
        (["recipe.imagic.embedding.steps=-1"], "a whole number from 0"),
        (["sweep.seeds=[]"], "at least one value"),
        (["sweep.seeds=[1.5]"], "whole numbers"),
        (["sweep.strengths=[nan]"], "finite numbers"),
        (["sweep.strengths=0.5"], "must be a list"),
        (["sweep.strengths=[0.1234567,0.1234568]"], "none twice"),
        (["numerics.sample_batch=0"], "whole number from 1"),
        (["numerics.threads=many"], "whole number from 1"),
        (["dataset.size=null"], "dataset.size"),
        (["run_dir=taken"], "is a file"),
        (["model.path=null"], "does not exist"),
        (["sweep.strengths=[0,0]"], "none twice"),
        (["numerics.dtype=float8"], "float32"),
        (["numerics.dtype=tf32", "numerics.device=cpu"], "numerics.dtype=float32"),
    ],
)
def test_what_cannot_start_says_why_in_one_line(overrides, words, tmp_path, edit):
    (tmp_path / "taken").write_text("")
    done = edit(*overrides, cwd=tmp_path)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.strip()]
    assert line.startswith("error: ") and words in line
    assert not Path(tmp_path / "runs").exists()


def test_a_run_folder_of_another_configuration_is_refused(uncut, tmp_path, edit):
    _, whole, _ = uncut
    shutil.copytree(whole, tmp_path / "mine")
    before = images(tmp_path / "mine")
    done = edit("dataset.limit=1", "run_dir=mine", "seed=5", cwd=tmp_path)
    assert done.returncode == 2 and "fit.seed was 0, now 5" in done.stderr
    assert images(tmp_path / "mine") == before


def test_a_changed_input_is_refused(uncut, tmp_path, small_edit):
    _, whole, _ = uncut
    inputs = sorted((whole / "pairs").glob("*/input.png"))
    shutil.copy(inputs[0], tmp_path / "a.png")
    dataset = folder_dataset(tmp_path, [{"image": "a.png", "target_text": "A dog."}])
    assert small_edit(*dataset, cwd=tmp_path).returncode == 0
    other = Image.open(inputs[0]).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    other.save(tmp_path / "a.png")
    done = small_edit(*dataset, cwd=tmp_path)
    assert done.returncode == 2 and "is not the one" in done.stderr


def test_hostile_text_stays_text_in_the_report(uncut, tmp_path, small_edit):
    _, whole, _ = uncut
    shutil.copy(next((whole / "pairs").glob("*/input.png")), tmp_path / "a.png")
    text = "<script>alert(1)</script> & [red]dog[/red] ${oc.env:HOME} ../../x"
    done = small_edit(*folder_dataset(tmp_path, [{"image": "a.png", "target_text": text}]), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / done.stdout.strip().splitlines()[-1] / "report.html").read_text()
    assert "<script>alert" not in page and r"\u003cscript\u003ealert(1)" in page


def test_several_runs_go_on_after_one_with_failures(tmp_path, small_edit):
    done = small_edit("-m", "dataset.limit=1", "recipe.imagic.finetune.lr=inf,1e-4", cwd=tmp_path)
    assert done.returncode == 1
    assert len(list(tmp_path.glob("runs/*/report.html"))) == 2


@pytest.mark.parametrize("keep", [pytest.param("embedding", marks=pytest.mark.slow), "weights"])
def test_kept_fits_serve_a_longer_sweep_and_other_guidance(keep, tmp_path, small_edit):
    options = ["dataset.limit=1", "sweep.strengths=[0,1]", f"fits.keep={keep}"]
    first = small_edit(*options, "run_dir=a", cwd=tmp_path)
    assert first.returncode == 0 and "fits has 1 fits" in first.stdout + first.stderr
    assert small_edit(*options, "run_dir=a", "sweep.seeds=[0,1]", cwd=tmp_path).returncode == 0
    assert small_edit(*options, "run_dir=b", "sweep.seeds=[0,1]", "fits.folder=other", cwd=tmp_path).returncode == 0
    assert images(tmp_path / "a") == images(tmp_path / "b")
    assert small_edit(*options, "run_dir=c", "recipe.imagic.sampling.guidance=1", cwd=tmp_path).returncode == 0
    assert len(list((tmp_path / "fits").iterdir())) == len(list((tmp_path / "other").iterdir())) == 1
    assert small_edit(*options, "run_dir=d", "recipe.imagic.finetune.steps=1", cwd=tmp_path).returncode == 0
    assert len(list((tmp_path / "fits").iterdir())) == (1 if keep == "embedding" else 2)


def test_what_is_kept_of_fits_must_be_known(tmp_path, edit):
    assert "none, embedding, weights" in edit("fits.keep=all", cwd=tmp_path).stderr


@pytest.mark.parametrize("folder", ["afile", "afile/fits"])
def test_a_folder_for_fits_that_cannot_be_is_told_before_anything_is_fitted(folder, tmp_path, edit):
    (tmp_path / "afile").touch()
    done = edit("fits.keep=embedding", f"fits.folder={folder}", "run_dir=run", cwd=tmp_path)
    assert done.returncode == 2 and folder in done.stderr.splitlines()[-1]
    assert not (tmp_path / "run").exists()
