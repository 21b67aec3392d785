"""Published archives hold what tables and figures are made of."""

from __future__ import annotations

from itertools import product

import pandas as pd
import pytest

from benchmarks.run_archive import archive, best_strength, restore
from eval.api import open_run
from eval.runs.writer import RunWriter
from tedbench.method import Sample
from tedbench.pair import EditPair, Entry
from tests.made_runs import made_config

ENTRIES = [Entry(f"{name}.png", "A dog.") for name in "abc"]
SUCCESS = {0.0: 0.0, 0.5: 1.0, 1.0: 1.0}
"""Judged success by strength."""


@pytest.fixture
def folder(tmp_path, noise_image):
    metrics = ["lpips/alex/64", "judge/success/1"]
    run = RunWriter.create(tmp_path / "run", made_config(metrics=metrics))
    run.event("start", pairs=3, requests=[[0.0, 0]])
    for number, entry in enumerate(ENTRIES):
        samples = [Sample(strength, seed, noise_image(number)) for strength, seed in product(SUCCESS, (0, 1))]
        run.write_shard(EditPair(entry, noise_image(number)), samples)
        for metric in metrics:
            rows = [(entry.id, s.strength, s.seed, metric, SUCCESS[s.strength]) for s in samples]
            table = pd.DataFrame(rows, columns=["pair_id", "strength", "seed", "metric", "score"])
            run.shard(entry.id).write_scores(metric, table)
    return run.folder


def test_the_best_strength_is_the_smallest_of_the_most_success(folder):
    assert best_strength(folder) == 0.5


def test_a_restored_archive_has_all_scores_and_the_shown_images_alone(folder, tmp_path):
    archive(folder, tmp_path / "out" / "run.tar.xz", [ENTRIES[1].id])
    restore(tmp_path / "out" / "run.tar.xz", tmp_path / "again")
    run, again = open_run(folder), open_run(tmp_path / "again")
    pd.testing.assert_frame_equal(run.scores(), again.scores())
    pd.testing.assert_frame_equal(run.curves(), again.curves())
    pictures = sorted(path.relative_to(tmp_path / "again" / "pairs") for path in (tmp_path / "again").rglob("*.png"))
    assert [str(path) for path in pictures] == [f"{ENTRIES[1].id}/eta0.5-s0.png", f"{ENTRIES[1].id}/input.png"]


def test_the_same_run_gives_the_same_archive(folder, tmp_path):
    for name in ("one", "two"):
        archive(folder, tmp_path / name, [])
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_run_that_is_there_is_not_written_over(folder, tmp_path):
    archive(folder, tmp_path / "run.tar.xz", [])
    with pytest.raises(FileExistsError):
        restore(tmp_path / "run.tar.xz", folder)
