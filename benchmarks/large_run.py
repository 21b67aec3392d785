"""``python -m benchmarks.large_run [FOLDER]``: time and memory that commands take on a large run.

1. A finished run of 100 pairs, 11 strengths and 8 seeds: the same command again says "complete" (at most 5 s).
2. ``eval.status`` of a run with 44,000 images (500 pairs), and its tables and report made anew (each at most 10 s, 1
GB). 3. ``--help`` of every command (at most 2 s).

The runs are written by eval/runs/writer.py; their images are noise of a few pixels, all alike, and their scores are
random. Each measurement is a process of its own: wall-clock seconds, processor seconds, and its peak memory.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import chdir
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from cli.command import compose, resolved
from eval.engine.progress import Reporter
from eval.engine.setup import open_run
from eval.engine.spec import RunSpec
from eval.present.outputs import write_outputs
from eval.runs.cards import FORMAT, AxisCard, Cards, DatasetCard, MethodCard, MetricCard, MetricCards
from eval.runs.writer import RunWriter
from runtime.output import safe_output
from tedbench.method import Axis, Sample
from tedbench.pair import EditPair, Entry

AXIS = Axis("eta", "η", tuple(i / 10 for i in range(11)), identity=0.0)
SEEDS = 8
METRICS = MetricCards(
    [
        MetricCard("clip/a/b", "alignment", "CLIP score"),
        MetricCard("lpips/alex/64", "fidelity", "LPIPS", higher_is_better=False),
        *(MetricCard(f"judge/{what}/c", "judgement", f"judged {what}", share=True) for what in ("success", "kept")),
    ]
)


def cards(dataset: str, model: str) -> Cards:
    axis = AxisCard(AXIS.name, AXIS.symbol, AXIS.identity, AXIS.fixed)
    return Cards(DatasetCard(dataset, dataset), MethodCard("imagic", model, axis), METRICS)


COMMANDS = (
    *("eval.run", "eval.status", "eval.score", "eval.curves", "eval.compare", "eval.figures", "eval.report"),
    *("eval.select", "eval.export", "eval.study.prepare", "imagic", "tedbench.show"),
)


def fill(run: RunWriter, pairs: Sequence[EditPair], metrics: Iterable[MetricCard] = METRICS) -> None:
    """A shard for each pair, with every strength and seed, and its scores."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    requests = [(strength, seed) for strength in AXIS.grid for seed in range(SEEDS)]
    for pair in pairs:
        run.write_shard(pair, [Sample(strength, seed, image) for strength, seed in requests])
        shard = run.shard(pair.id)
        for card in metrics:
            scores = pd.DataFrame(requests, columns=["strength", "seed"])
            value = rng.random(len(requests))
            value = (value > 0.5).astype(float) if card.share else value
            shard.write_scores(card.name, scores.assign(pair_id=pair.id, metric=card.name, score=value))
    run.event("start", pairs=len(pairs), requests=requests)
    made_with = {"packages": {}, "python": "3", "gpu": None, "device": "cpu", "git": None, "threads": 1}
    run.write_json("provenance.json", made_with)


def measure(what: str, line: Sequence[str], folder: Path, seconds: float) -> None:
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = ["/usr/bin/env", sys.executable, *line]
    peak = "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:], stdout=2); " + (
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(done.returncode)"
    )
    done = subprocess.run(
        [sys.executable, "-c", peak, *command], cwd=folder, capture_output=True, text=True, check=False
    )
    took, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if done.returncode:
        sys.exit(done.stderr)
    mib = int(done.stdout.split()[-1]) / 1024
    print(f"{what:<44} {took:6.2f} s  {busy:6.2f} s busy  {mib:6.0f} MiB   (at most {seconds:.0f} s)", flush=True)


def complete(folder: Path) -> None:
    """Measure the first item of the list above."""
    overrides = ["dataset.split=all", f"sweep.seeds=[{','.join(map(str, range(SEEDS)))}]", "run_dir=complete"]
    with chdir(folder):
        spec = RunSpec.of(resolved(compose("run", overrides)))
        with open_run(spec, Reporter(Console(quiet=True))) as run:
            fill(run, list(spec.dataset), spec.metrics)
            write_outputs(run)
    measure("100 × 11 × 8, complete: the command again", ["-m", "eval.run", *overrides], folder, 5)


def many(folder: Path) -> None:
    """Measure the second item."""
    fit = {"dataset": "folder", "size": 4, "model": None}
    blocks = {block: {} for block in ("numerics", "sweep", "measure", "how")}
    config = {"format": FORMAT, "fit": fit, **blocks, "cards": cards("folder", "tiny").to_config()}
    run = RunWriter.create(folder / "many", config)
    image = np.zeros((4, 4, 3), np.uint8)
    entries = [Entry(f"{number // 3}.png", f"A dog number {number}.", category="pose") for number in range(500)]
    fill(run, [EditPair(entry, image) for entry in entries])
    measure("44,000 images: eval.status", ["-m", "eval.status", "run=many"], folder, 10)
    again = "from pathlib import Path; from eval.runs.writer import RunWriter; from eval.present.outputs import write_outputs as again; "
    measure("44,000 images: tables and report", ["-c", again + "again(RunWriter.open(Path('many')))"], folder, 10)
    measure("44,000 images: eval.curves", ["-m", "eval.curves", "runs=[many]", "out=figures"], folder, 10)


def main() -> None:
    os.environ |= {"HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore"}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else scratch).absolute()
        for name in COMMANDS:
            measure(f"{name} --help", ["-m", name, "--help"], Path.cwd(), 2)
        complete(folder)
        many(folder)


if __name__ == "__main__":
    with safe_output():
        main()
