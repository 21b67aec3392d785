"""Several commands share a run's folder, each with its part of the pairs."""

from __future__ import annotations

import pytest

from cli.command import compose
from eval.engine.executor import part_of
from eval.runs.lock import RunLock
from eval.runs.part import Part
from eval.score import main as score
from tedbench.errors import UserError

pytestmark = pytest.mark.usefixtures("blank_figures")


def test_parts_make_together_what_one_command_makes(whole, six_pairs, edit, shards, tmp_path, monkeypatch):
    for number in (2, 1, 3):
        done = edit(*six_pairs, "run_dir=run", f"executor.shard={number}/3", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert f"part {number} of 3: 2 of 2 pairs done" in done.stdout
    assert shards(tmp_path / "run") == shards(whole)
    assert not (tmp_path / "run" / "report.html").exists()
    monkeypatch.setattr("sys.argv", ["eval.score", f"run={tmp_path / 'run'}"])
    score()
    for name in ("samples.parquet", "scores.parquet", "curves.csv"):
        assert (tmp_path / "run" / name).read_bytes() == (whole / name).read_bytes()


def test_a_part_without_pairs_ends_well(six_pairs, edit, tmp_path):
    done = edit(*six_pairs, "run_dir=run", "executor.shard=7/7", cwd=tmp_path)
    assert done.returncode == 0 and "part 7 of 7: 0 of 0 pairs done" in done.stdout


def test_parts_work_side_by_side_and_the_whole_waits_for_them(six_pairs, edit, tmp_path):
    with RunLock(tmp_path / "run", Part(1, 2)):
        assert edit(*six_pairs, "run_dir=run", "executor.shard=2/2", cwd=tmp_path).returncode == 0
        for shard in ("1/2", "1/3", "null"):
            done = edit(*six_pairs, "run_dir=run", f"executor.shard={shard}", cwd=tmp_path)
            assert done.returncode == 2 and "is being worked on by" in done.stderr


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "1/", "/2", "a/b", "-1/2", "1/2/3", "1.5/2", 3, True])
def test_what_is_no_part_is_refused(shard):
    with pytest.raises(UserError, match="It must be K/N"):
        part_of(shard)


def test_every_executor_takes_a_part():
    for name in ("inline", "ray"):
        assert compose("run", [f"executor={name}", "executor.shard=2/8"]).executor.shard == "2/8"
    assert part_of("2/8") == Part(2, 8) and part_of(None).whole


GROUPED = ["method.fit_group=4", "recipe.imagic.finetune.steps=2", "run_dir=run"]


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["shard", "ray"])
def test_groups_of_pairs_stay_together_and_end_as_by_one_command(executor, six_pairs, edit, shards, tmp_path):
    for name in ("whole", "shared"):
        (tmp_path / name).mkdir()
    assert edit(*six_pairs, *GROUPED, cwd=tmp_path / "whole").returncode == 0
    if executor == "ray":
        pytest.importorskip("ray", reason="needs pip install -e '.[ray]'")
        done = edit(*six_pairs, *GROUPED, "executor=ray", "executor.workers=3", cwd=tmp_path / "shared")
        assert done.returncode == 0 and "starting 2 workers" in done.stdout, done.stdout + done.stderr
    else:
        for number, count in ((2, 2), (1, 4)):
            done = edit(*six_pairs, *GROUPED, f"executor.shard={number}/2", cwd=tmp_path / "shared")
            assert done.returncode == 0 and f"part {number} of 2: {count} of {count} pairs done" in done.stdout
    assert shards(tmp_path / "shared" / "run") == shards(tmp_path / "whole" / "run")
