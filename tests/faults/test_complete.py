"""What a finished run is known by: only one that is whole, and of the same command, inputs and weights, is passed over."""

from __future__ import annotations

import json
from contextlib import chdir

import pandas as pd
import pytest
from PIL import Image

from cli.command import compose
from eval.engine.complete import find_complete, write_record
from eval.runs.writer import RunWriter
from imagic.models.weights import digest, locate
from tedbench.datasets.build import build_dataset
from tedbench.method import Sample
from tests.made_runs import made_config

OVERRIDES = ["dataset=folder", "dataset.file=pairs.csv", "numerics.threads=1", "sweep.seeds=[0]"]
METRIC = "psnr/native"


def configuration(*more):
    return compose("run", [*OVERRIDES, "run_dir=run", *more])


def correct(run, text):
    (run.folder.parent / "pairs.csv").write_text(text)


@pytest.fixture
def run(tmp_path, noise_image):
    """A finished run of two pairs in this folder."""
    with chdir(tmp_path):
        for number in (0, 1):
            Image.fromarray(noise_image(number, 64)).save(f"{number}.png")
        (tmp_path / "pairs.csv").write_text("image,target_text,truth\n0.png,A dog.,\n1.png,A cat.,0.png\n")
        cfg = configuration()
        model = {"digest": digest(locate("picturebook:diffusion"))}
        config = made_config(model="picturebook", metrics=[METRIC], fit={"model": model})
        run = RunWriter.create(tmp_path / "run", config)
        dataset = build_dataset(cfg.dataset)
        for pair in dataset:
            run.write_shard(pair, [Sample(float(s), 0, noise_image(s, 64)) for s in (0, 1)])
            rows = [(pair.id, float(s), 0, METRIC, 1.0) for s in (0, 1)]
            columns = ["pair_id", "strength", "seed", "metric", "score"]
            run.shard(pair.id).write_scores(METRIC, pd.DataFrame(rows, columns=columns))
        run.write_tables()
        run.write_text("report.html", "a report")
        write_record(run, dataset, cfg)
        yield run


def test_the_same_command_finds_it_whatever_makes_it(run):
    found = find_complete(configuration())
    assert found is not None and (found.folder.name, found.pairs) == ("run", 2)
    assert find_complete(configuration("executor=ray", "run.retry_failed=true")) is not None


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
    assert find_complete(configuration(more)) is None


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
        lambda run: (run.folder / "complete.json").write_text("{"),
        lambda run: (run.folder / "complete.json").write_text("[]"),
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
    assert find_complete(configuration()) is None


def test_a_run_with_an_image_that_a_flipped_bit_has_changed_is_looked_at_in_earnest(run, flip):
    flip(next(run.folder.glob("pairs/*/eta1-s0.png")))
    assert find_complete(configuration()) is None


def test_a_run_on_another_machine_or_with_other_weights_is_looked_at_in_earnest(run):
    record = run.folder / "complete.json"
    known = json.loads(record.read_text())
    record.write_text(json.dumps(known | {"machine": "another"}))
    assert find_complete(configuration()) is None
    record.write_text(json.dumps(known))
    assert find_complete(configuration()) is not None
    config = (run.folder / "config.yaml").read_text()
    (run.folder / "config.yaml").write_text(config.replace("digest: ", "digest: 0"))
    assert find_complete(configuration()) is None


def test_a_run_measured_with_other_weights_or_by_another_version_is_looked_at_in_earnest(run, monkeypatch):
    weights = run.folder.parent / "judge.safetensors"
    weights.write_bytes(b"one")
    cfg = configuration("metrics.judge_success.weights=judge.safetensors")
    write_record(run, build_dataset(cfg.dataset), cfg)
    assert find_complete(cfg) is not None
    weights.write_bytes(b"three")
    assert find_complete(cfg) is None
    write_record(run, build_dataset(cfg.dataset), cfg)
    monkeypatch.setattr("eval.engine.complete.package_version", lambda _: "0.0.1")
    assert find_complete(cfg) is None
