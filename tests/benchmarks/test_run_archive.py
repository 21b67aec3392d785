"""Published archives hold what tables and figures are made of."""

from __future__ import annotations

import pandas as pd
import pytest

from benchmarks.run_archive import archive, best_strength, restore
from eval.api import open_run
from tests.benchmarks.conftest import ENTRIES


def test_the_best_strength_is_the_smallest_of_the_most_success(judged_run):
    assert best_strength(judged_run) == 0.5


def test_a_restored_archive_has_all_scores_and_the_shown_images_alone(judged_run, tmp_path):
    archive(judged_run, tmp_path / "out" / "run.tar.xz", [ENTRIES[1].id])
    restore(tmp_path / "out" / "run.tar.xz", tmp_path / "again")
    run, again = open_run(judged_run), open_run(tmp_path / "again")
    pd.testing.assert_frame_equal(run.scores(), again.scores())
    pd.testing.assert_frame_equal(run.curves(), again.curves())
    pictures = sorted(path.relative_to(tmp_path / "again" / "pairs") for path in (tmp_path / "again").rglob("*.png"))
    assert [str(path) for path in pictures] == [f"{ENTRIES[1].id}/eta0.5-s0.png", f"{ENTRIES[1].id}/input.png"]


def test_the_same_run_gives_the_same_archive(judged_run, tmp_path):
    for name in ("one", "two"):
        archive(judged_run, tmp_path / name, [])
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_run_that_is_there_is_not_written_over(judged_run, tmp_path):
    archive(judged_run, tmp_path / "run.tar.xz", [])
    with pytest.raises(FileExistsError):
        restore(tmp_path / "run.tar.xz", judged_run)
