"""``python -m benchmarks.soak [KILLS] [SEED]``: runs killed at random moments end like an uninterrupted one.

The embedded model edits seven pairs with very few steps, once without interruption and then again and again with SIGKILL
at random moments (every fifth time SIGTERM). Whenever a run is finished, its shards and tables must be byte by byte
those of the uninterrupted one. No pair with a shard may be begun again, and at most one pair is in progress when a
command is killed.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

from eval.runs.folder import Run, last_start
from runtime.output import safe_output

OVERRIDES = (
    "recipe.imagic.embedding.steps=2",
    "recipe.imagic.finetune.steps=2",
    "recipe.imagic.sampling.steps=2",
    "sweep.strengths=[0,0.5,1]",
    "numerics.threads=1",
    "numerics.sample_batch=1",
    "~metrics.judge_success",
    "~metrics.judge_changed",
    "~metrics.judge_kept",
    "run_dir=run",
)
PRELOADED = ["eval.engine.setup", "eval.run", "imagic.editor", "imagic.models.latent", "imagic.models.clip", "lpips"]
TABLES = ("samples.parquet", "scores.parquet", "curves.csv")
PATIENCE = 600.0
"""Seconds after which a command that does nothing is killed."""


class Cut(NamedTuple):
    """A command that was interrupted.

    Attributes:
        signal: the signal that was sent.
        done: number of pairs with shards then.
        seconds: time until the process ended.
    """

    signal: int
    done: int
    seconds: float


class Soak:
    """Commands in processes of their own, forked from one that has imported the slow modules."""

    def __init__(self, folder: Path, overrides: Sequence[str] = OVERRIDES) -> None:
        """
        Args:
            folder: the folder of all runs.
            overrides: of ``eval.run``.
        """
        self.folder, self.overrides = folder, list(overrides)
        self._forks = multiprocessing.get_context("forkserver")
        self._forks.set_forkserver_preload(PRELOADED)

    def start(self, name: str) -> BaseProcess:
        """Start ``eval.run`` in a folder of that name, on its run there."""
        here = self.folder / name
        here.mkdir(parents=True, exist_ok=True)
        process = self._forks.Process(target=_command, args=(str(here), self.overrides))
        process.start()
        return process

    def finish(self, name: str) -> int:
        """Run a command to its end and return its exit status."""
        process = self.start(name)
        process.join(PATIENCE)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(f"{name} did not end:\n{self.said(name)}")
        return process.exitcode

    def run(self, name: str) -> Run:
        return Run.open(self.folder / name / "run")

    def said(self, name: str) -> str:
        """Return the output of all commands in a folder."""
        return (self.folder / name / "log").read_text()

    def through(self, name: str, kills: int, rng: random.Random, pace: float) -> Iterator[Cut]:
        """Repeat a command, interrupt it ``kills`` times at random moments, and at last let it end.

        Args:
            name: of the folder.
            kills: number of interruptions; fewer if the run is finished before.
            rng: chooses the moments: at the start, or after up to three events, and some time.
            pace: approximate seconds for a pair.

        Raises:
            AssertionError: a pair was begun although its shard was there, or several were in progress.
        """
        there: set[str] = set()
        for number in range(kills):
            before, process = len(self._events(name)), self.start(name)
            self.await_events(name, before + rng.randrange(4), process)
            process.join(rng.uniform(0, 0.5 * pace))
            if process.exitcode is not None:  # the run is finished
                there = self._check(name, before, there, most=0)
                break
            which, asked = (signal.SIGTERM if number % 5 == 4 else signal.SIGKILL), time.monotonic()
            os.kill(process.pid or 0, which)
            process.join(PATIENCE)
            seconds = time.monotonic() - asked
            there = self._check(name, before, there, most=1)
            yield Cut(which, len(there), seconds)
        before = len(self._events(name))
        status = self.finish(name)
        assert status == 0, self.said(name)
        self._check(name, before, there, most=0)

    def await_events(self, name: str, count: int, process: BaseProcess) -> None:
        """Wait until there are ``count`` events, or the command has ended."""
        deadline = time.monotonic() + PATIENCE
        while len(self._events(name)) < count and process.exitcode is None and time.monotonic() < deadline:
            time.sleep(0.01)

    def _events(self, name: str) -> list[dict[str, Any]]:
        return Run(self.folder / name / "run").events()

    def _check(self, name: str, before: int, there: set[str], most: int) -> set[str]:
        """Check the events of a command since ``before``, and return the pairs that have shards now."""
        events = self._events(name)[before:]
        begun = [event["pair"] for event in events if event["event"] == "begin"]
        assert not there & set(begun), f"begun again: {there & set(begun)}"
        assert len(begun) == len(set(begun)), f"begun twice: {begun}"
        if not self._events(name):
            return there
        run = self.run(name)
        asked = len(last_start(run.events()).requests)
        shards = [shard for shard in run.shards() if not shard.broken(thorough=True)]
        now = {shard.id for shard in shards if len(shard.samples()) == asked}  # after SIGTERM a shard may lack images
        assert there <= now, f"lost: {there - now}"
        assert len(set(begun) - now) <= most, f"in hand: {set(begun) - now}"
        return now


def outcome(run: Run) -> dict[str, bytes]:
    """Return everything of a run that must not depend on interruptions: shards and tables."""
    files = [path for path in (run.folder / "pairs").rglob("*") if path.is_file()]
    files += [run.folder / name for name in TABLES]
    return {str(path.relative_to(run.folder)): path.read_bytes() for path in sorted(files)}


def pace_of(run: Run) -> float:
    """Return the seconds that a pair of a finished run took, scoring and drawing included."""
    times = [event["time"] for event in run.events()]
    return (times[-1] - times[0]) / len(run.shards())


def _command(here: str, overrides: list[str]) -> None:
    os.chdir(here)
    log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ["HF_HUB_OFFLINE"] = "1"
    sys.argv = ["eval.run", *overrides]
    from eval.run import main

    main()


def main() -> None:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(Path(folder))
        assert soak.finish("uncut") == 0, soak.said("uncut")
        whole, pace = outcome(soak.run("uncut")), pace_of(soak.run("uncut"))
        print(f"uncut: {len(whole)} files of shards and tables, {pace:.1f} s a pair", flush=True)
        cuts, runs = 0, 0
        while cuts < kills:
            runs += 1
            for cut in soak.through(f"cut-{runs}", min(kills - cuts, 15), rng, pace):
                cuts += 1
                name, at = signal.Signals(cut.signal).name, f"{cut.done} pairs done"
                print(f"{cuts:>3} {name:<8} {at}, left after {cut.seconds:.1f} s", flush=True)
            same = outcome(soak.run(f"cut-{runs}")) == whole
            print(f"run {runs}: {'byte by byte the same' if same else 'DIFFERENT'}", flush=True)
            assert same
        print(f"{cuts} times cut off in {runs} runs: shards and tables the same, no pair done twice")


if __name__ == "__main__":
    with safe_output():
        main()
