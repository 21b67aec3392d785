"""One command at a time writes into a run's folder; what killed ones leave does not stand in the way."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from eval.runs.lock import RunLock, owners
from eval.runs.part import Part
from tedbench.errors import UserError

HOLD = """
import sys, time
from pathlib import Path
from eval.runs.lock import RunLock
from eval.runs.part import Part
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
    assert [owner.pid for owner in owners(tmp_path)] == [first.pid]


def test_the_lock_of_a_killed_process_is_free_at_once(tmp_path, hold):
    first = hold()
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert owners(tmp_path) == []
    said = []
    with RunLock(tmp_path, log=said.append):
        assert [owner.pid for owner in owners(tmp_path)] == [os.getpid()]
    assert "cut off" in said[0] and len(said) == 1
    assert owners(tmp_path) == []


def test_parts_of_one_array_work_side_by_side_and_keep_out_whoever_overlaps(tmp_path, hold):
    hold(1, 3)
    with RunLock(tmp_path, Part(2, 3)):
        assert [str(owner.part) for owner in owners(tmp_path)] == ["part 1 of 3", "part 2 of 3"]
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
def record(tmp_path):
    """The record of a command on another machine that was cut off."""
    path = tmp_path / ".locks" / "1-of-1.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"host": "another-machine", "pid": 1, "since": time.time()}))
    path.with_suffix(".lock").touch()
    return path


def test_a_record_without_a_held_lock_is_of_a_dead_process(tmp_path, record):
    assert owners(tmp_path) == []
    said = []
    with RunLock(tmp_path, log=said.append):
        assert [owner.pid for owner in owners(tmp_path)] == [os.getpid()]
    assert "cut off" in said[0] and len(said) == 1


@pytest.mark.parametrize("text", ["{half", "[]", "[1]", "null", '{"host": "here", "unknown": 1}', ""])
def test_a_damaged_record_neither_stands_in_the_way_nor_hides_its_owner(tmp_path, record, text):
    record.write_text(text)
    with RunLock(tmp_path, log=lambda _: None):
        record.write_text(text)
        assert [str(owner.part) for owner in owners(tmp_path)] == ["all pairs"]
        with pytest.raises(UserError, match=r"is being worked on by another command \(since .*, all pairs\)"):
            RunLock(tmp_path).acquire()
    with RunLock(tmp_path):
        pass


def test_of_many_that_come_at_once_one_gets_the_lock(tmp_path):
    line = [sys.executable, "-c", HOLD.replace("time.sleep(600)", "sys.stdin.read()"), str(tmp_path), "1"]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    started = [subprocess.Popen([*line, str(1 + number % 2)], text=True, **pipes) for number in range(4)]
    held = [process.stdout.readline() for process in started]
    errors = [process.communicate()[1] for process in started]
    assert sorted(held) == ["", "", "", "held\n"]
    assert sum("is being worked on by process" in error for error in errors) == 3


def test_who_only_looks_creates_nothing(tmp_path):
    assert owners(tmp_path) == owners(tmp_path / "none") == []
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_without_locks_is_one_clear_line(tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.raises(UserError, match="its file system has no locks"):
        RunLock(tmp_path).acquire()
