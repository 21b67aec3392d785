"""eval.status: what is done, running, failed, damaged, and how long is left."""

from __future__ import annotations

import json
import os

import numpy as np
import pandas as pd
import pytest

from eval.runs.lock import Owner, RunLock
from eval.runs.part import Part
from eval.runs.status import status_of, time_left
from tedbench.method import Sample
from tedbench.pair import EditPair, Entry

ENTRIES = [Entry(f"{name}.png", "A dog.") for name in "abcdef"]


@pytest.fixture
def run(tmp_path, noise_image, create_run):
    """Of six pairs two are done, one lacks an image, one failed and two are still to do."""
    run = create_run(tmp_path / "run")
    run.event("start", pairs=6, requests=[(0.0, 0), (1.0, 0)])
    for entry, count in zip(ENTRIES, (2, 2, 1), strict=False):
        run.write_shard(EditPair(entry, noise_image()), [Sample(float(s), 0, noise_image(s)) for s in range(count)])
        run.event("pair", pair=entry.id, images=count, fit_s=8.0, sample_s=2.0)
    run.write_failure(ENTRIES[3], [(0.0, 0), (1.0, 0)], "the loss became nan")
    rows = [(ENTRIES[0].id, s, 0, "psnr/native", 1.0) for s in (0.0, 1.0)]
    columns = ["pair_id", "strength", "seed", "metric", "score"]
    run.shard(ENTRIES[0].id).write_scores("psnr/native", pd.DataFrame(rows, columns=columns))
    return run


@pytest.fixture
def status(run, command):
    """Runs the command; gives its exit status and what it said."""

    def do(*arguments):
        done = command("eval.status", f"run={run.folder}", *arguments)
        return done.returncode, done.stdout + done.stderr

    return do


def test_what_is_done_failed_and_to_do(run, status):
    code, said = status()
    assert code == 1
    assert "2 of 6 done, 0 running, 1 failed, 3 to do" in said
    assert "5 of 12" in said and "2 of 5  psnr/native" in said
    assert f"failed   {ENTRIES[3].id}: the loss became nan" in said and "run.retry_failed=true" in said
    assert "about 30 s, with nobody at work now" in said
    assert said.splitlines()[-1] == str(run.folder)


def test_who_is_at_work_on_which_pair(run, status):
    with RunLock(run.folder, Part(1, 2)):
        run.event("begin", pair=ENTRIES[4].id)
        _, said = status()
    assert (
        "1 running" in said
        and f"process {os.getpid()} on" in said
        and "part 1 of 2" in said
        and f"running  {ENTRIES[4].id}" in said
    )
    assert "1 running" not in status()[1]  # it has ended, or was killed


def test_a_pair_begun_in_the_very_millisecond_of_the_lock_is_at_work(run, status, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.0004)
    with RunLock(run.folder):
        run.event("begin", pair=ENTRIES[4].id)
        assert "1 running" in status()[1]


def test_what_is_damaged_is_named(run, status, flip):
    (run.shard(ENTRIES[0].id).folder / "eta1-s0.png").unlink()
    flip(run.shard(ENTRIES[1].id).folder / "eta1-s0.png")
    _, said = status()
    assert f"damaged  {ENTRIES[0].id}: eta1-s0.png is missing" in said and said.count("damaged  ") == 1
    _, said = status("check=true")
    assert f"damaged  {ENTRIES[1].id}: eta1-s0.png has been changed" in said


def test_a_complete_run_says_so(tmp_path, noise_image, status, run):
    for entry in ENTRIES[2:]:
        samples = [Sample(float(s), 0, np.asarray(noise_image(s))) for s in range(2)]
        run.write_shard(EditPair(entry, noise_image()), samples)
    code, said = status()
    assert code == 0 and "6 of 6 done, 0 running, 0 failed\n" in said and "complete" in said


def test_a_smaller_last_start_counts_every_pair_that_is_there(run):
    run.event("start", pairs=1, requests=[(0.0, 0), (1.0, 0)])
    assert status_of(run).pairs == 4


def test_the_time_left_is_at_the_rate_of_those_at_work():
    now = 5000.0
    events = [{"event": "pair", "time": now - 1000, "fit_s": 7.0, "sample_s": 3.0}]
    owner = Owner(Part(), "here", 1, now - 100)
    assert time_left(events, [], 5, now) == 50
    assert time_left(events, [owner, owner], 5, now) == 25
    events += [{"event": "pair", "time": now - ago, "fit_s": 90.0, "sample_s": 9.0} for ago in (80, 60, 40, 20)]
    assert time_left(events, [owner], 5, now) == 5 * 20 - 20
    assert time_left([], [owner], 5, now) is None
    assert time_left(events, [owner], 0, now) == 0


@pytest.mark.parametrize(("arguments", "words"), [([], "Give a run's folder"), (["run=nowhere"], "is not a run")])
def test_errors_are_one_line(arguments, words, command):
    code, _, said = command("eval.status", *arguments)
    assert code == 2 and words in said and said.count("\n") == 1


def test_events_that_are_no_events_do_not_matter(run, status):
    with open(run.folder / "events.jsonl", "a") as file:
        file.write(json.dumps(["start"]) + "\n" + json.dumps({"time": 1}) + "\nnull\n")
    assert "2 of 6 done" in status()[1]


def test_a_run_is_complete_once_it_has_what_the_last_command_asked_for(run, status):
    run.event("start", pairs=2, requests=[(0.0, 0)])
    assert "3 of 4 done" in status()[1] and "5 of 7" in status()[1]  # the failed pair counts, and has another row
    run.event("start", pairs=6, requests=[(0.5, 0)])
    assert "0 of 6 done" in status()[1] and "5 of 13" in status()[1]
