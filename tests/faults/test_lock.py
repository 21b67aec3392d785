"""One command at a time writes into a run's folder; what killed ones leave does not stand in the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

import eval.runs.lock as lock_module
from eval.runs.lock import Part, RunLock, holders
from tedbench.errors import UserError

HOLD = """
import sys, time
from pathlib import Path
from eval.runs.lock import Part, RunLock
with RunLock(Path(sys.argv[1]), Part(int(sys.argv[2]), int(sys.argv[3]))):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def hold(tmp_path):
    """Starts processes that hold the lock of a part until they are killed."""
    started = []

    def start(number=1, count=1):
        line = [sys.executable, "-c", HOLD, str(tmp_path), str(number), str(count)]
        process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_second_command_is_told_who_is_at_work_and_leaves(tmp_path, hold):
    first = hold()
    with pytest.raises(UserError, match=f"is being worked on by process {first.pid} on "):
        RunLock(tmp_path).acquire()
    assert [holder.pid for holder in holders(tmp_path)] == [first.pid]


def test_the_lock_of_a_killed_process_is_free_at_once(tmp_path, hold):
    first = hold()
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert holders(tmp_path) == []
    said = []
    with RunLock(tmp_path, say=said.append):
        assert [holder.pid for holder in holders(tmp_path)] == [os.getpid()]
    assert "cut off" in said[0] and len(said) == 1
    assert holders(tmp_path) == []


def test_parts_of_one_array_work_side_by_side_and_keep_out_whoever_overlaps(tmp_path, hold):
    hold(1, 3)
    with RunLock(tmp_path, Part(2, 3)):
        assert [str(holder.part) for holder in holders(tmp_path)] == ["part 1 of 3", "part 2 of 3"]
        for other in (Part(), Part(1, 3), Part(1, 2), Part(2, 3)):
            with pytest.raises(UserError, match="of 3"):
                RunLock(tmp_path, other).acquire()
        with RunLock(tmp_path, Part(3, 3)):
            pass


def test_parts_have_every_pair_once():
    items = list(range(10))
    shares = [Part(number, 4).of(items) for number in (1, 2, 3, 4)]
    assert (
        sorted(item for share in shares for item in share) == items
        and max(map(len, shares)) - min(map(len, shares)) == 1
    )
    assert Part().of(items) == items


@pytest.fixture
def elsewhere(tmp_path):
    """A lock that a machine left which does not share its locks with this one."""
    path = tmp_path / ".locks" / "1-of-1.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"host": "another-machine", "pid": 1, "since": time.time(), "part": [1, 1]}))
    return path


def test_another_machine_that_was_silent_for_long_is_dead(tmp_path, elsewhere):
    os.utime(elsewhere, (0, 0))
    assert holders(tmp_path) == []
    with RunLock(tmp_path):
        pass


def test_another_machine_that_spoke_lately_is_waited_for_and_then_counts_as_dead(tmp_path, elsewhere, monkeypatch):
    monkeypatch.setattr(lock_module, "SILENT", 2.0)
    said = []
    with RunLock(tmp_path, say=said.append):
        pass
    assert "process 1 on another-machine" in said[0] and "waiting" in said[0]


def test_another_machine_that_gives_a_sign_is_alive(tmp_path, elsewhere, monkeypatch):
    monkeypatch.setattr(lock_module.time, "sleep", lambda _: os.utime(elsewhere))
    os.utime(elsewhere, (time.time() - 30,) * 2)
    with pytest.raises(UserError, match="process 1 on another-machine"):
        RunLock(tmp_path, say=lambda _: None).acquire()


def test_a_holder_gives_signs_of_life(tmp_path, monkeypatch):
    monkeypatch.setattr(lock_module, "BEAT", 0.01)
    with RunLock(tmp_path) as held:
        os.utime(held._path, (0, 0))
        deadline = time.monotonic() + 30
        while held._path.stat().st_mtime == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert held._path.stat().st_mtime > 0


def test_a_damaged_holders_file_does_not_stand_in_the_way(tmp_path, elsewhere):
    elsewhere.write_text("{half")
    with RunLock(tmp_path, say=lambda _: None):
        assert len(holders(tmp_path)) == 1
