"""``python -m benchmarks.executors [PAIRS] [MILLISECONDS]``: the cost of dispatching pairs to workers.

A thousand pairs whose method only sleeps, 50 ms each, and returns the input: first in this process, then on one and on
two processes of ``executor=processes``, and on as many of Ray's workers. Prints how much longer the workers took, from the
first pair's beginning to the last one's end, than this process divided by their number; starting them is printed
separately. Shards must be the same.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from rich.console import Console

from eval.engine.context import EditContext
from eval.engine.executor import Executor
from eval.engine.inline import Inline
from eval.engine.plan import Wanted
from eval.engine.processes import Processes
from eval.engine.progress import Reporter
from eval.engine.ray import Ray
from eval.engine.setup import make_images
from eval.runs.cards import FORMAT, Cards, DatasetCard, MethodCard, MetricCards
from eval.runs.writer import RunWriter
from imagic.models.device import settle
from runtime.output import safe_output
from tedbench.datasets.folder import Folder
from tedbench.image import write_png
from tedbench.method import Axis, Edit, Editor, Progress, Sample, silent
from tedbench.pair import EditPair

NUMERICS = {"device": "cpu", "threads": 1, "sample_batch": 1}


class Unchanged(Edit):
    """An edit that returns the input."""

    def __init__(self, pair: EditPair) -> None:
        self._pair = pair

    def sample(self, requests: Sequence[tuple[float, int]], progress: Progress = silent) -> Iterator[Sample]:
        return (Sample(strength, seed, self._pair.image) for strength, seed in requests)


class Waiting(Editor):
    """A method that sleeps and does nothing."""

    axis = Axis("eta", "η", (0.0,))
    randomness: ClassVar[Literal["none"]] = "none"

    def __init__(self, milliseconds: float) -> None:
        self._seconds = milliseconds / 1000

    def fit(self, pair: EditPair, progress: Progress = silent) -> Edit:
        time.sleep(self._seconds)
        return Unchanged(pair)


def main(pairs: int, milliseconds: float) -> None:
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])  # so that workers find this module
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_png(folder / "a.png", np.zeros((16, 16, 3), np.uint8))
        rows = ["image,target_text", *(f"a.png,Picture {k}." for k in range(pairs))]
        (folder / "pairs.csv").write_text("\n".join(rows))
        alone, _ = measured(folder / "inline", Inline(), folder / "pairs.csv", milliseconds)
        print(f"inline     {pairs} pairs in {alone:.1f} s, {1000 * alone / pairs:.1f} ms each", flush=True)
        for name, workers in product(("processes", "ray"), (1, 2)):
            run, executor = folder / f"{name}{workers}", {"processes": Processes, "ray": Ray}[name](workers)
            seconds, starting = measured(run, executor, folder / "pairs.csv", milliseconds)
            over = seconds * workers / alone - 1
            same = contents(run) == contents(folder / "inline")
            print(
                f"{name}, {workers}     {seconds:.1f} s: {over:+.1%} against inline / {workers}; started in {starting:.1f} s; "
                f"shards are {'the same' if same else 'DIFFERENT'}",
                flush=True,
            )


def measured(folder: Path, executor: Executor, file: Path, milliseconds: float) -> tuple[float, float]:
    """Return the seconds from the first pair's beginning to the last one's end, and from the start until then."""
    settings: dict[str, Any] = {
        "dataset": {"_target_": "tedbench.datasets.folder.Folder", "file": str(file), "size": 16},
        "method": {"_target_": "benchmarks.executors.Waiting", "milliseconds": milliseconds},
        "model": {},
        "metrics": None,
        "numerics": NUMERICS,
        "fits": {"keep": "none"},
        "seed": 0,
    }
    config: dict[str, Any] = {block: {} for block in ("fit", "numerics", "sweep", "measure", "how")}
    settle(NUMERICS)
    method, dataset = Waiting.describe({"milliseconds": milliseconds}), Folder(file, 16)
    cards = Cards(DatasetCard.of(dataset, "folder"), MethodCard.of(method, "waiting", "none"), MetricCards())
    config |= {"format": FORMAT, "cards": cards.to_config()}
    run, reporter = RunWriter.create(folder, config), Reporter(Console(quiet=True))
    place, build = executor.place(NUMERICS), partial(Waiting, milliseconds)
    context = EditContext(run, Wanted(dataset, method, [(0.0, 0)]), build, reporter, place, settings)
    start = time.time()
    make_images(context, executor)
    times = {what: [e["time"] for e in run.events() if e["event"] == what] for what in ("begin", "pair")}
    return max(times["pair"]) - min(times["begin"]), min(times["begin"]) - start


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in (folder / "pairs").rglob("*") if p.is_file()}


if __name__ == "__main__":
    with safe_output():
        given = sys.argv[1:]
        main(int(given[0]) if given else 1000, float(given[1]) if given[1:] else 50.0)
