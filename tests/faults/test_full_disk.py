"""A disk that fills up stops a run cleanly; after room is made it goes on."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
import torch

from eval.runs.lock import RunLock
from imagic.fits import FitStore
from tedbench.errors import UserError
from tedbench.method import Sample
from tedbench.pair import EditPair, Entry


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own, and how to make it larger."""
    place = tmp_path / "disk"
    place.mkdir()
    options = lambda kib, *more: ["mount", "-t", "tmpfs", "-o", ",".join([f"size={kib}k", *more]), "tmpfs", str(place)]
    if subprocess.run(options(300), capture_output=True).returncode:
        pytest.skip("mounting is not possible here")
    yield place, lambda kib: subprocess.run(options(kib, "remount"), check=True)
    subprocess.run(["umount", str(place)], check=True)


def noisy(seed):
    return np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def write(run, number):
    pair = EditPair(Entry(f"{number}.png", "A dog."), noisy(number))
    run.write_shard(pair, [Sample(float(s), 0, noisy(100 * number + s)) for s in range(3)])


def test_a_full_disk_is_one_clear_line_and_what_was_finished_is_whole(small_disk, create_run):
    place, enlarge = small_disk
    with RunLock(place / "run") as lock:
        run = create_run(place / "run")
        done = 0
        with pytest.raises(UserError, match="the disk is full"):
            for number in range(20):
                write(run, number)
                done += 1
        assert 0 < done < 20
        assert len(run.shards()) == done and not any(shard.broken(thorough=True) for shard in run.shards())
        assert [path.name for path in (run.folder / "pairs").iterdir() if path.name.startswith(".")] == []
        lock.release()
    enlarge(3000)
    with RunLock(place / "run"):
        for number in range(done, 20):
            write(run, number)
    run.write_tables()
    assert len(run.samples()) == 60 and not any(shard.broken(thorough=True) for shard in run.shards())


def test_tables_and_events_on_a_full_disk_leave_the_old_ones(small_disk, create_run):
    place, _ = small_disk
    run = create_run(place / "run")
    write(run, 0)
    run.write_tables()
    before = (run.folder / "samples.parquet").read_bytes()
    with open(place / "filler", "wb", buffering=0) as filler, pytest.raises(OSError):
        while True:
            filler.write(bytes(4096))
    for harm in (run.write_tables, lambda: run.write_text("report.html", "x" * 9000)):
        with pytest.raises(UserError, match="the disk is full"):
            harm()
    assert (run.folder / "samples.parquet").read_bytes() == before
    assert [path.name for path in run.folder.iterdir() if path.name.startswith(".")] == [".locks"]
    with pytest.raises(UserError, match="the disk is full"):
        for _ in range(200):
            run.event("x", text="y" * 100)
    assert all(event["event"] == "x" for event in run.events())


def test_a_full_disk_leaves_no_half_a_fit(small_disk):
    place, enlarge = small_disk
    store, pair = FitStore(place / "fits", "embedding", {}), EditPair(Entry("a.png", "A dog."), noisy(0))
    kept = {"e_opt": torch.rand(1 << 17)}
    with pytest.raises(UserError, match="the disk is full"):
        store.save(pair, kept)
    assert store.load(pair) is None and not list(store.folder.iterdir())
    enlarge(3000)
    store.save(pair, kept)
    assert torch.equal(store.load(pair)["e_opt"], kept["e_opt"])
    assert list(store.folder.iterdir()) == [store.path(pair)]
