"""Processes make what one process makes, also when they are killed."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from eval.engine.processes import Processes
from eval.engine.score_pair import score_run
from eval.metrics.measure import MetricError
from eval.runs.folder import Run
from tedbench.build import build
from tedbench.errors import UserError
from tests.eval.engine.on_workers import end, events, job_of, leaves_cleanly_on_ctrl_c, start, wait_until


def workers(process):
    """The processes below a command's that hold models."""
    below = psutil.Process(process.pid).children(recursive=True)
    return [child for child in below if "spawn_main" in " ".join(child.cmdline())]


def test_two_processes_make_the_shards_of_one(whole, six_pairs, edit, shards, tmp_path):
    done = edit(*six_pairs, "executor=processes", "executor.workers=2", "run_dir=run", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "starting 2 processes" in done.stdout and "[6/6]" in done.stdout
    assert shards(tmp_path / "run") == shards(whole)
    for name in ("samples.parquet", "scores.parquet", "curves.csv"):
        assert (tmp_path / "run" / name).read_bytes() == (whole / name).read_bytes()
    assert len({event["worker"] for event in Run(tmp_path / "run").events() if event["event"] == "pair"}) == 2


def test_a_finished_run_starts_no_process(whole, six_pairs, edit):
    done = edit(*six_pairs, "executor=processes", "run_dir=run", cwd=Path(whole).parent)
    assert done.returncode == 0 and "6 of 6 pairs are already there" in done.stdout
    assert "starting" not in done.stdout


def test_a_pair_that_kills_its_process_is_marked_failed_and_the_others_are_done(
    make_job, tmp_path, six_pairs, monkeypatch
):
    monkeypatch.syspath_prepend(tmp_path)
    made = job_of(make_job, tmp_path, six_pairs, Processes(workers=1))
    made.execute()
    table = made.run.samples().set_index("image_name")
    assert table.loc["2.png", "status"] == "failed" and "its worker was lost:" in table.loc["2.png", "reason"]
    assert set(table.drop("2.png")["status"]) == {"ok"} and len(table) == 6
    assert not [p for p in (made.run.folder / "pairs").iterdir() if p.name.startswith(".")]


def test_a_metrics_fault_in_a_process_ends_the_command_as_it_does_in_one(make_job, tmp_path, six_pairs, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    faulty = {"faulty": {"_target_": "strange.Faulty"}}
    made = job_of(make_job, tmp_path, six_pairs, Processes(workers=2), "strange.Harmless", faulty)
    made.execute()
    assert list(made.run.samples()["status"]) == ["ok"] * 6
    with pytest.raises(MetricError, match=r"faulty .*RuntimeError: the metric's own fault"):
        score_run(made.run, made.metrics, made.reporter)
    assert len(made.run.scores()) == 5
    assert len([event for event in made.run.events() if "not_scored" in event]) == 1


def test_what_processes_cannot_start_with_is_told_in_one_line(make_job, tmp_path, six_pairs, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    made = job_of(make_job, tmp_path, six_pairs, Processes(workers=1))
    made.settings["dataset"]["file"] = str(tmp_path / "none.csv")
    with pytest.raises(UserError, match=r"none\.csv"):
        made.execute()


@pytest.mark.slow
def test_ctrl_c_ends_every_process_and_the_same_command_goes_on(six_pairs, edit, tmp_path):
    leaves_cleanly_on_ctrl_c("processes", six_pairs, edit, tmp_path)


@pytest.mark.slow
def test_processes_end_with_a_command_that_is_killed(six_pairs, shards, edit, tmp_path):
    longer = [*six_pairs, "recipe.imagic.finetune.steps=100"]
    process = start("processes", longer, tmp_path, "run_dir=run", "executor.workers=2")
    wait_until(lambda: events(tmp_path / "run", "begin"), process)
    below = workers(process)
    process.kill()
    end(process)
    _, alive = psutil.wait_procs(below, timeout=60)
    assert len(below) == 2 and not alive
    assert not events(tmp_path / "run", "failure")


@pytest.mark.parametrize(
    ("settings", "words"), [({"workers": 0}, "executor.workers is 0"), ({"shard": "3/2"}, "executor.shard is '3/2'")]
)
def test_what_is_no_number_of_processes_is_refused(settings, words):
    with pytest.raises(UserError, match=words):
        build({"_target_": "eval.engine.processes.Processes", **settings}, Processes, "executor")


def test_a_gpu_is_refused_and_one_thread_a_process_is_the_default():
    numerics = {"device": "auto", "threads": None, "sample_batch": 1, "dtype": "float32", "compile": False}
    assert Processes().place(numerics) == ("cpu", 1, 0)
    assert Processes().place({**numerics, "threads": 2}) == ("cpu", 2, 0)
    with pytest.raises(UserError, match="executor=ray"):
        Processes().place({**numerics, "device": "cuda"})
