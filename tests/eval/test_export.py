"""eval.export: a run as a folder that Hugging Face's datasets loads, or in a tracker."""

from __future__ import annotations

import json
import struct
import sys

import numpy as np
import pandas as pd
import pytest

from eval.runs.writer import RunWriter
from tedbench.method import Sample
from tedbench.pair import EditPair, Entry
from tests.made_runs import made_config

CLIP, PSNR = "clip/a/b", "psnr/native"
ENTRIES = [Entry(name, "Train, a dog: “test”.", category="pose") for name in ("train.png", "test.png", "c.png")]


@pytest.fixture
def make_run(tmp_path, noise_image):
    """Two pairs of two images, of which one has a true edit, and one pair that failed."""

    def make(dataset="picturebook", elsewhere=False):
        fit = {"dataset": dataset, "size": 16, "method": {"clip": "/home/someone/clip.safetensors"}}
        config = made_config(metrics=[CLIP, PSNR], fit=fit, elsewhere=elsewhere)
        run = RunWriter.create(tmp_path / "run", config)
        for place, entry in enumerate(ENTRIES[:2]):
            truth = noise_image(7) if place else None
            samples = [Sample(s, 0, noise_image(10 * place + int(s))) for s in (0.0, 1.0)]
            run.write_shard(EditPair(entry, noise_image(99 + place), truth), samples)
            for metric, scores in ((CLIP, (0.25, 0.5)), (PSNR, (np.inf, 20.0))):
                rows = [(entry.id, s, 0, metric, score) for s, score in zip((0.0, 1.0), scores, strict=True)]
                table = pd.DataFrame(rows, columns=["pair_id", "strength", "seed", "metric", "score"])
                run.shard(entry.id).write_scores(metric, table)
        run.write_failure(ENTRIES[2], [(0.0, 0), (1.0, 0)], "/home/someone/c.png cannot be read")
        run.event("start", pairs=4)
        run.write_json("provenance.json", {"python": "3", "command": ["run.py", "dataset.root=/home/someone"]})
        return run

    return make


@pytest.fixture
def export(command, tmp_path):
    """Runs the command; gives its exit status, what it said and the folder."""

    def do(*arguments):
        done = command("eval.export", f"out={tmp_path / 'shared'}", *arguments)
        return done.returncode, done.stdout + done.stderr, tmp_path / "shared"

    return do


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Loads a folder with Hugging Face's datasets, offline."""
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    datasets.disable_progress_bars()
    return lambda out: datasets.load_dataset(str(out), split="test", cache_dir=str(tmp_path / "cache"))


def test_datasets_loads_every_edited_image_with_its_input_texts_and_scores(make_run, export, load):
    run = make_run()
    status, said, out = export(f"run={run.folder}")
    assert status == 0 and "4 edited images of 2 of 4 pairs; 1 pair failed" in said and "apache-2.0" in said
    rows = {(row["pair_id"], row["strength"]): row for row in load(out)}
    assert len(rows) == 4
    first, second = (run.shard(entry.id) for entry in ENTRIES[:2])
    row = rows[first.id, 1.0]
    np.testing.assert_array_equal(np.asarray(row["image"]), first.image("eta1-s0.png"))
    np.testing.assert_array_equal(np.asarray(row["input"]), first.input())
    assert row["target_text"] == ENTRIES[0].target_text and row[CLIP] == 0.5
    assert row["truth"] is None
    np.testing.assert_array_equal(np.asarray(rows[second.id, 0.0]["truth"]), second.truth())


def test_inputs_without_a_licence_are_left_out_and_that_is_said(make_run, export, load):
    status, said, out = export(f"run={make_run('tedbench').folder}")
    assert status == 0 and "Input images are left out: tedbench states no licence" in said
    assert "Input images are left out" in (out / "README.md").read_text()
    assert not [path for path in out.rglob("*.png") if path.name in ("input.png", "truth.png")]
    assert set(load(out).features) >= {"image", CLIP} and "input" not in load(out).features


def test_a_stated_licence_lets_inputs_pass(make_run, export):
    _, said, out = export(f"run={make_run('folder').folder}", "licence=cc-by-4.0")
    assert "under cc-by-4.0" in said and "license: cc-by-4.0" in (out / "README.md").read_text()
    assert len(list(out.rglob("input.png"))) == 2


def test_images_made_elsewhere_are_left_out_too_and_their_scores_load(make_run, export, load):
    _, said, out = export(f"run={make_run('tedbench', elsewhere=True).folder}")
    assert "Edited images are left out: they were made elsewhere" in said
    assert not list(out.rglob("*.png"))
    assert sorted(load(out)[CLIP]) == [0.25, 0.25, 0.5, 0.5]


def test_results_are_json_with_coverage_and_provenance_and_without_paths_of_the_machine(make_run, export):
    _, _, out = export(f"run={make_run().folder}")
    found = json.loads((out / "results.json").read_text(), parse_constant=pytest.fail)
    assert found["dataset"] == "Picturebook (synthetic)"
    assert found["coverage"] == {
        "pairs": 2,
        "pairs_expected": 4,
        "images": 4,
        "failed": {ENTRIES[2].id: "c.png cannot be read"},
    }
    means = {(row["metric"], row["strength"]): row["mean"] for row in found["curves"]}
    assert means[CLIP, 1.0] == 0.5 and means[PSNR, 0.0] is None
    assert found["provenance"] == {"python": "3"}
    assert found["config"]["fit"]["method"]["clip"] == "clip.safetensors"
    for name in ("results.json", "README.md"):
        assert "/home" not in (out / name).read_text() and str(out.parent) not in (out / name).read_text()


def test_exporting_again_replaces_an_earlier_export_and_nothing_else(make_run, export, tmp_path):
    run = make_run()
    _, _, out = export(f"run={run.folder}")
    (out / "data" / "old.png").write_bytes(b"")
    (out / "mine.txt").write_text("mine")
    assert export(f"run={run.folder}")[0] == 0
    assert not (out / "data" / "old.png").exists() and (out / "mine.txt").read_text() == "mine"
    (out / "results.json").unlink()
    status, said, _ = export(f"run={run.folder}")
    assert status == 2 and "holds something that is no export" in said and (out / "mine.txt").exists()


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ([], "Give a run's folder"),
        (["run=nowhere"], "is not a run"),
        (["run=nowhere", "licens=x"], "Did you mean licence"),
        (["run=nowhere", "to=neptune"], "one of folder, mlflow, wandb"),
        (["run=nowhere", "server=https://x"], "goes with to=mlflow or to=wandb"),
    ],
)
def test_errors_are_one_line(export, arguments, hint):
    status, said, out = export(*arguments)
    assert status == 2 and hint in said and said.count("\n") == 1 and not out.exists()


def test_mlflow_has_parameters_curves_and_files_and_its_server_is_a_file(make_run, export, tmp_path):
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    run = make_run("photos")
    (run.folder / "strips.png").write_bytes(b"shows inputs")
    (run.folder / "curves.csv").write_text("method\n")
    status, said, out = export(f"run={run.folder}", "to=mlflow", "project=edits")
    assert status == 0, said
    client = mlflow.MlflowClient(f"sqlite:///{out / 'mlflow.db'}")
    (kept,) = client.search_runs([client.get_experiment_by_name("edits").experiment_id])
    assert kept.info.run_name.startswith("imagic-") and kept.info.status == "FINISHED"
    assert (kept.data.params["fit.size"], kept.data.params["fit.method.clip"]) == ("16", "clip.safetensors")
    assert [(m.step, m.value) for m in client.get_metric_history(kept.info.run_id, CLIP)] == [(0, 0.25), (1, 0.5)]
    assert [(m.step, m.value) for m in client.get_metric_history(kept.info.run_id, PSNR)] == [(1, 20.0)]
    assert kept.data.metrics["pairs_expected"] == 4 and kept.data.metrics["failed"] == 1
    assert {file.path for file in client.list_artifacts(kept.info.run_id)} == {"results.json", "curves.csv"}
    assert "/home/someone" not in str(kept.to_dictionary())


def leveldb_log(data, start):
    """The records of a log in LevelDB's format: chunks of checksum, length and type, none across the end of a 32 KiB block."""
    at, whole = start, b""
    while at + 7 <= len(data):
        length, kind = struct.unpack_from("<HB", data, at + 4)
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield whole
            whole = b""
        room = -at % 32768
        at += room if room < 7 else 0


def test_wandb_keeps_curves_and_configuration_offline(make_run, export, monkeypatch):
    pytest.importorskip("wandb")
    from wandb.proto.wandb_internal_pb2 import Record

    monkeypatch.setenv("WANDB_MODE", "online")  # the default is to stay here, whatever the environment says
    run = make_run()
    status, said, out = export(f"run={run.folder}", "to=wandb", "project=edits")
    assert status == 0 and "wandb sync" in said, said
    (log,) = out.glob("wandb/offline-run-*/*.wandb")
    rows, told = [], log.read_bytes()
    for data in leveldb_log(told, start=7):  # after wandb's own header
        record = Record.FromString(data)
        if record.HasField("history"):
            cells = {i.key or ".".join(i.nested_key): json.loads(i.value_json) for i in record.history.item}
            rows.append({key: value for key, value in cells.items() if not key.startswith("_")})
    assert rows == [{"strength": 0.0, CLIP: 0.25}, {"strength": 1.0, CLIP: 0.5, PSNR: 20.0}]
    assert b"fit" in told and b"/home/someone" not in told
    assert json.loads((log.parent / "files" / "results.json").read_text())["dataset"] == "Picturebook (synthetic)"


@pytest.mark.parametrize("library", ["mlflow", "wandb"])
def test_a_tracker_that_is_not_installed_is_named_with_how_to_get_it(make_run, export, monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    status, said, _ = export(f"run={make_run().folder}", f"to={library}")
    assert status == 2 and f"pip install 'imagic-bench[{library}]'" in said and said.count("\n") == 1
