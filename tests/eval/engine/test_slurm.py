"""Sweeps go to Slurm through Hydra's submitit launcher; here its jobs are processes of this machine."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from cli.command import compose
from tedbench.errors import UserError

pytest.importorskip("submitit", reason="needs pip install -e '.[slurm]'")


def test_a_job_may_be_shorter_than_its_run():
    from hydra import compose as hydra_compose
    from hydra import initialize_config_module

    with initialize_config_module("conf", version_base=None):
        cfg = hydra_compose("run", ["hydra/launcher=slurm", "hydra.launcher.partition=gpu"], return_hydra_config=True)
    launcher = cfg.hydra.launcher
    assert launcher._target_.endswith("SlurmLauncher") and launcher.partition == "gpu"
    assert launcher.max_num_timeout > 0 and launcher.gpus_per_node == 1


@pytest.mark.parametrize(
    ("override", "words"),
    [("hydra.launcher.timout_min=3", "timout_min"), ("hydra/launcher=slrm", "slrm")],
)
def test_typos_in_slurms_settings_are_refused(override, words):
    with pytest.raises(UserError, match=words):
        compose("run", ["hydra/launcher=slurm", override])


@pytest.mark.slow
def test_a_sweep_hears_how_its_jobs_ended(six_pairs, edit, tmp_path):
    assert edit(*six_pairs, "dataset.limit=1", "run_dir=good", cwd=tmp_path).returncode == 0
    line = [sys.executable, "-m", "eval.status", "-m", "hydra/launcher=submitit_local"]
    for runs, status in (("good", 0), ("good,nowhere", 1)):
        done = subprocess.run([*line, f"run={runs}"], cwd=tmp_path, capture_output=True, text=True, env=os.environ)
        assert done.returncode == status, done.stderr
    assert "a job ended with exit status 2" in done.stderr
    printed = "".join(path.read_text() for path in (tmp_path / "slurm").rglob("*.out"))
    assert "good" in printed
