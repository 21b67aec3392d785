"""Ray's workers make what one process makes, also when they are killed. Real clusters, of this machine alone."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import psutil
import pytest

from eval.engine.executor import Executor
from eval.engine.inline import Inline
from eval.engine.score_pair import score_run
from eval.engine.task import Task
from eval.engine.worker import Worker
from eval.metrics.measure import MetricError
from eval.runs.folder import Run
from tedbench.build import build
from tedbench.datasets.folder import Folder
from tedbench.errors import UserError

pytest.importorskip("ray", reason="needs pip install -e '.[ray]'")
from eval.engine.ray import Ray
from tests.eval.engine.on_workers import end, events, job_of, leaves_cleanly_on_ctrl_c, start, wait_until


def workers(process):
    """The processes that hold models, below a command's."""
    return [child for child in psutil.Process(process.pid).children(recursive=True) if "ray::Worker" in title(child)]


def title(process):
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def listens_at(process):
    """Its addresses; none, if it has ended meanwhile."""
    try:
        return [c.laddr.ip for c in process.net_connections() if c.status == psutil.CONN_LISTEN]
    except psutil.Error:
        return []


@pytest.fixture(scope="module")
def longer(six_pairs):
    """Pairs that take long enough to be cut off in."""
    return [*six_pairs, "recipe.imagic.finetune.steps=30"]


@pytest.fixture(scope="module")
def longer_whole(longer, edit, tmp_path_factory):
    """Their run in one process."""
    folder = tmp_path_factory.mktemp("whole")
    assert edit(*longer, "run_dir=run", cwd=folder).returncode == 0
    return folder / "run"


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 3])
def test_any_number_of_workers_makes_the_same_shards_and_nothing_listens_beyond_this_machine(
    count, whole, six_pairs, shards, tmp_path
):
    process = start("ray", six_pairs, tmp_path, "run_dir=run", f"executor.workers={count}")
    wait_until(lambda: events(tmp_path / "run", "begin"), process)
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    listening = {address for process in family for address in listens_at(process)}
    assert listening and listening <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    output = end(process)
    assert process.returncode == 0, output
    assert shards(tmp_path / "run") == shards(whole)
    for name in ("samples.parquet", "scores.parquet", "curves.csv"):
        assert (tmp_path / "run" / name).read_bytes() == (whole / name).read_bytes()
    assert sorted(events(tmp_path / "run", "pair")) == sorted(p.name for p in (whole / "pairs").iterdir())
    assert "[6/6]" in output


@pytest.mark.slow
def test_two_workers_each_killed_once_leave_a_complete_run(longer_whole, longer, shards, tmp_path):
    run, moment = tmp_path / "run", random.Random(0)
    process = start("ray", longer, tmp_path, "run_dir=run", "executor.workers=2")
    wait_until(lambda: len(set(events(run, "begin"))) >= 2 and len(workers(process)) == 2, process)
    for worker in workers(process):
        time.sleep(moment.uniform(0, 0.3))
        worker.send_signal(signal.SIGKILL)
    output = end(process)
    assert process.returncode == 0, output
    assert shards(run) == shards(longer_whole)
    pairs = events(run, "pair")
    assert len(pairs) == len(set(pairs)) == 6
    assert len(events(run, "begin")) <= 6 + 2


@pytest.mark.slow
def test_ctrl_c_leaves_cleanly_and_the_same_command_goes_on(six_pairs, edit, tmp_path):
    leaves_cleanly_on_ctrl_c("ray", six_pairs, edit, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("retries", [0, 1])
def test_a_pair_that_kills_its_workers_is_marked_failed_and_the_others_are_done(
    retries, make_job, tmp_path, six_pairs, monkeypatch
):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    made = job_of(make_job, tmp_path, six_pairs, Ray(workers=1, retries=retries))
    made.execute()
    table = made.run.samples().set_index("image_name")
    assert table.loc["2.png", "status"] == "failed" and f"lost{' 2 times' * retries}:" in table.loc["2.png", "reason"]
    assert set(table.drop("2.png")["status"]) == {"ok"} and len(table) == 6
    assert not [p for p in (made.run.folder / "pairs").iterdir() if p.name.startswith(".")]


@pytest.mark.slow
def test_a_metrics_fault_on_a_worker_ends_the_command_as_it_does_in_one_process(
    make_job, tmp_path, six_pairs, monkeypatch
):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    faulty = {"faulty": {"_target_": "strange.Faulty"}}
    for name, executor in (("inline", Inline()), ("ray", Ray(workers=2))):
        made = job_of(make_job, tmp_path, six_pairs, executor, "strange.Harmless", faulty, name)
        made.execute()
        assert list(made.run.samples()["status"]) == ["ok"] * 6
        with pytest.raises(MetricError, match=r"faulty .*RuntimeError: the metric's own fault"):
            score_run(made.run, made.metrics, made.reporter)
    assert len(made.run.scores()) == 5  # by the workers
    told = [event["not_scored"] for event in made.run.events() if "not_scored" in event]
    assert len(told) == 1 and told[0].startswith("The metric faulty (strange.Faulty) cannot score the pair 2.png")
    assert "RuntimeError: the metric's own fault (strange.py:" in told[0]


@pytest.mark.slow
def test_what_workers_cannot_start_with_is_told_in_one_line(make_job, tmp_path, six_pairs, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    made = job_of(make_job, tmp_path, six_pairs, Ray(workers=1))
    made.settings["dataset"]["file"] = str(tmp_path / "none.csv")
    with pytest.raises(UserError, match=r"none\.csv"):
        made.execute()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"workers": 0}, "executor.workers is 0"),
        ({"workers": "two"}, "executor.workers is 'two'"),
        ({"retries": -1}, "executor.retries is -1"),
        ({"retries": None}, "executor.retries is None"),
    ],
)
def test_what_is_no_number_is_refused(settings, words):
    with pytest.raises(UserError, match=words):
        build({"_target_": "eval.engine.ray.Ray", **settings}, Executor, "executor")


def test_a_worker_cannot_be_given_one_gpu_of_several():
    with pytest.raises(UserError, match="CUDA_VISIBLE_DEVICES"):
        Ray().place({"device": "cuda:1", "threads": 1, "sample_batch": 1})


def test_a_finished_run_starts_no_cluster(whole, six_pairs, edit):
    done = edit(*six_pairs, "executor=ray", "run_dir=run", cwd=Path(whole).parent)
    assert done.returncode == 0 and "6 of 6 pairs are already there" in done.stdout
    assert "starting" not in done.stdout


def test_a_repeated_task_makes_only_what_a_lost_worker_has_not(make_job, tmp_path, six_pairs, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("gc.freeze", lambda: None)
    made = job_of(make_job, tmp_path, six_pairs, Ray(workers=1), "strange.Harmless")
    worker = Worker(made.run.folder, made.settings, "cpu", 1, str(tmp_path))
    entry = build(made.settings["dataset"], Folder).entries[0]
    first, again = (worker.edit([Task(entry, [(0.0, 0)])])[0] for _ in range(2))
    (more,) = worker.edit([Task(entry, [(0.0, 0), (1.0, 0)])])
    assert [(outcome.images, outcome.reason) for outcome in (first, again, more)] == [(1, None), (1, None), (1, None)]
    assert ["fit_s" in outcome.facts for outcome in (first, again, more)] == [True, False, True]
    assert list(made.run.shard(entry.id).samples()["strength"]) == [0.0, 1.0]


def test_a_shard_that_is_gone_when_a_worker_comes_to_score_it_ends_nothing(tmp_path):
    worker = Worker(tmp_path, {}, "cpu", 1, str(tmp_path))
    worker._run, worker._metrics = Run(tmp_path), []
    worker.score("gone")
