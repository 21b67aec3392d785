"""What a finished run is known by: only one that is whole, and of the same command, inputs and weights, is passed over."""

from __future__ import annotations

import shutil
from contextlib import chdir
from pathlib import Path

import pandas as pd
import pytest
import yaml
from PIL import Image
from rich.console import Console

from cli.command import compose, resolved
from eval.engine.described import recall
from eval.engine.finished import is_finished
from eval.engine.progress import Reporter
from eval.engine.setup import open_run
from eval.engine.spec import RunSpec
from eval.runs.derived import RECORD, record_of
from eval.runs.folder import Run
from tedbench.errors import UserError
from tedbench.method import Sample

OVERRIDES = [
    "dataset=folder",
    "dataset.file=pairs.csv",
    "numerics.threads=1",
    "sweep.seeds=[0]",
    "sweep.strengths=[0,1]",
]


def settings_of(*more):
    return resolved(compose("run", [*OVERRIDES, "run_dir=run", *more]))


def finished(*more):
    settings = settings_of(*more)
    try:
        return recall(settings) is not None and is_finished(RunSpec.of(settings))
    except UserError:
        return False


def correct(run, text):
    (run.folder.parent / "pairs.csv").write_text(text)


def put_together(cfg, noise_image):
    """A finished run of two pairs, whose images and scores are made up."""
    spec = RunSpec.of(cfg)
    with open_run(spec, Reporter(Console(quiet=True))) as run:
        for pair in spec.dataset:
            run.write_shard(pair, [Sample(float(s), 0, noise_image(s, 64)) for s in (0, 1)])
            for metric in spec.metric_names:
                rows = [(pair.id, float(s), 0, metric, 1.0) for s in (0, 1)]
                columns = ["pair_id", "strength", "seed", "metric", "score"]
                run.shard(pair.id).write_scores(metric, pd.DataFrame(rows, columns=columns))
        run.write_tables()
        run.write_text("report.html", "a report")
        run.write_json(RECORD, record_of(run.reader()))


@pytest.fixture(scope="module")
def made(tmp_path_factory, noise_image):
    """A folder with a folder of two pairs and a finished run of them, and a copy of that."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "here").mkdir()
    with chdir(folder / "here"):
        for number in (0, 1):
            Image.fromarray(noise_image(number, 64)).save(f"{number}.png")
        Path("pairs.csv").write_text("image,target_text,truth\n0.png,A dog.,\n1.png,A cat.,0.png\n")
        put_together(settings_of(), noise_image)
    shutil.copytree(folder / "here", folder / "whole")
    return folder


@pytest.fixture
def run(made):
    """That run, in this folder, where it may be harmed."""
    shutil.rmtree(made / "here")
    shutil.copytree(made / "whole", made / "here")
    with chdir(made / "here"):
        yield Run.open(made / "here" / "run")


def test_the_same_command_finds_it_whatever_makes_it(run):
    assert finished() and finished("run.retry_failed=true")


@pytest.mark.parametrize(
    "more",
    [
        "sweep.seeds=[0,1]",
        "sweep.strengths=[0,1,2]",
        "dataset.limit=1",
        "seed=1",
        "metrics.lpips.size=32",
        "executor.shard=1/2",
        "run_dir=elsewhere",
        "numerics.threads=2",
    ],
)
def test_another_command_does_not(run, more):
    assert not finished(more)


@pytest.mark.parametrize(
    "harm",
    [
        lambda run: next(run.folder.glob("pairs/*/eta1-s0.png")).unlink(),
        lambda run: next(run.folder.glob("pairs/*/done")).unlink(),
        lambda run: next(run.folder.glob("pairs/*/samples.parquet")).write_bytes(b""),
        lambda run: next(run.folder.glob("pairs/*/scores/*.parquet")).unlink(),
        lambda run: next(run.folder.glob("pairs/*/scores/*.parquet")).write_bytes(b"PAR1"),
        lambda run: (run.folder / "report.html").write_text("another"),
        lambda run: (run.folder / "samples.parquet").unlink(),
        lambda run: (run.folder / RECORD).write_text("{"),
        lambda run: (run.folder / RECORD).write_text("[]"),
        lambda run: (run.folder / "config.yaml").write_text("fit: ["),
        lambda run: (run.folder.parent / "0.png").write_bytes((run.folder.parent / "1.png").read_bytes()),
        lambda run: (run.folder.parent / "pairs.csv").write_text("image,target_text\n0.png,A dog.\n"),
        lambda run: (run.folder.parent / "pairs.csv").unlink(),
        lambda run: correct(run, "image,target_text,truth,source_text\n0.png,A dog.,,A cat.\n1.png,A cat.,0.png,\n"),
        lambda run: correct(run, "image,target_text,truth,category\n0.png,A dog.,,colour\n1.png,A cat.,0.png,\n"),
        lambda run: correct(run, "image,target_text,truth\n0.png,A dog.,\n1.png,A cat.,1.png\n"),
        lambda run: correct(run, "image,target_text,truth\n0.png,A dog.,1.png\n1.png,A cat.,0.png\n"),
        lambda run: correct(run, "image,target_text,truth\n0.png,A dog.,nowhere.png\n1.png,A cat.,0.png\n"),
        lambda run: correct(run, "image,target_text\n0.png,A dog.\n1.png,A cat.\n"),
    ],
)
def test_a_run_that_is_not_whole_or_not_of_these_inputs_is_looked_at_in_earnest(run, harm):
    harm(run)
    assert not finished()


def test_a_run_with_an_image_that_a_flipped_bit_has_changed_is_looked_at_in_earnest(run, flip):
    flip(next(run.folder.glob("pairs/*/eta1-s0.png")))
    assert not finished()


def test_a_run_on_another_machine_or_with_other_weights_is_looked_at_in_earnest(run, monkeypatch):
    assert finished()
    with monkeypatch.context() as patch:
        patch.setattr("eval.engine.described.socket.gethostname", lambda: "another")
        assert not finished()
    path = run.folder / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["fit"]["model"]["digest"] = "0"
    path.write_text(yaml.safe_dump(config))
    assert not finished()


def test_a_run_measured_with_other_weights_or_by_another_version_is_looked_at_in_earnest(
    run, random_judge, noise_image, monkeypatch
):
    weights = run.folder.parent / "judge.safetensors"
    weights.write_bytes(Path(random_judge).read_bytes())
    options = "metrics.judge_success.weights=judge.safetensors", "run_dir=judged"
    put_together(settings_of(*options), noise_image)
    assert finished(*options)
    monkeypatch.setattr("eval.engine.described.package_version", lambda _: "0.0.1")
    assert not finished(*options)
    monkeypatch.undo()
    weights.write_bytes(b"three")
    assert not finished(*options)
