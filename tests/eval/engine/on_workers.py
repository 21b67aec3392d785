"""Commands and jobs that edit on workers."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time

import psutil
from rich.console import Console

from eval.engine.progress import Reporter
from eval.metrics.build import build_metrics
from eval.runs.folder import Run
from eval.runs.writer import RunWriter
from tedbench.build import build
from tedbench.datasets.folder import Folder
from tedbench.method import Editor
from tests.made_runs import made_config

PATIENCE = 1200
"""Seconds that a busy machine may take."""


def start(executor, options, cwd, *more):
    """Start ``eval.run`` in a process of its own."""
    line = [sys.executable, "-m", "eval.run", f"executor={executor}", *options, *more]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore"}
    return subprocess.Popen(line, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def end(process):
    """Its output, once it has ended."""
    output, _ = process.communicate(timeout=PATIENCE)
    return output


def wait_until(condition, process):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def events(folder, what):
    path = folder / "events.jsonl"
    return [e["pair"] for e in Run(folder).events() if e["event"] == what] if path.exists() else []


def leaves_cleanly_on_ctrl_c(executor, six_pairs, edit, folder):
    """Interrupt a command with two workers: it ends with all of them, and the same command goes on."""
    longer = [*six_pairs, "recipe.imagic.finetune.steps=100"]
    process = start(executor, longer, folder, "run_dir=run", "executor.workers=2")
    wait_until(lambda: events(folder / "run", "pair"), process)
    below = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    output = end(process)
    assert process.returncode == 130, output
    _, alive = psutil.wait_procs(below, timeout=60)
    assert not alive
    again = edit(*longer, "run_dir=run", cwd=folder)
    assert again.returncode == 0 and "already there" in again.stdout


STRANGE = '''
import os
import numpy as np
from eval.metrics.base import Metric
from tedbench.method import Axis, Edit, Editor, Sample

class Same(Edit):
    def __init__(self, pair):
        self.pair = pair

    def sample(self, requests, progress=None):
        for strength, seed in requests:
            yield Sample(strength, seed, self.pair.image)

class Harmless(Editor):
    """Gives the input back."""
    axis, randomness = Axis("eta", "η", (0.0,)), "none"

    def fit(self, pair, progress=None):
        return Same(pair)

class Deadly(Harmless):
    """One picture costs its process's life."""

    def fit(self, pair, progress=None):
        if pair.entry.image_name == "2.png":
            os.kill(os.getpid(), 9)
        return super().fit(pair, progress)

class Faulty(Metric):
    """Fails with one picture."""
    kind, name = "fidelity", "faulty"

    def __init__(self, device):
        pass

    def score(self, reference, images):
        if reference.target_text == "A photo of picture 2.":
            raise RuntimeError("the metric's own fault")
        return np.zeros(len(images))
'''


def job_of(make_job, tmp_path, six_pairs, executor, method="strange.Deadly", metrics=None, folder="run"):
    """A job whose method and metrics are not of this project."""
    (tmp_path / "strange.py").write_text(STRANGE)
    file = next(option for option in six_pairs if option.startswith("dataset.file=")).partition("=")[2]
    numerics = {"device": "cpu", "threads": 1, "sample_batch": 1}
    settings = {
        "dataset": {"_target_": "tedbench.datasets.folder.Folder", "file": file, "size": 16},
        "method": {"_target_": method},
        "model": {},
        "metrics": metrics,
        "numerics": numerics,
        "fits": {"keep": "none"},
        "seed": 0,
    }
    sys.path.insert(0, str(tmp_path))
    try:
        editor, built = build(settings["method"], Editor), build_metrics(metrics, "cpu")
    finally:
        sys.path.remove(str(tmp_path))
    reporter, place = Reporter(Console(file=io.StringIO())), executor.place(numerics)
    names = [metric.name for metric in built]
    run = RunWriter.create(tmp_path / folder, made_config("strange", "none"))
    made = make_job(
        run, Folder(file, 16), editor, [(0.0, 0)], executor, reporter, settings=settings, metrics=names, placement=place
    )
    made.metrics, made.settings = built, settings
    return made
