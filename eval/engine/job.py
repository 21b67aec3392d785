"""From a configuration to a run: what is to do, doing it, and what is made from it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pandas as pd

from eval.engine.corrections_taken import Taken
from eval.engine.progress import Reporter
from eval.metrics.base import Metric
from eval.runs.corrections import TABLED, TRUTH, corrections
from eval.runs.files import DamagedError
from eval.runs.input_digest import Inputs
from eval.runs.lock import Part, RunLock
from eval.runs.shard import Shard, listed
from eval.runs.writer import RunWriter
from imagic.models.device import multiply_exactly
from tedbench.datasets.base import Dataset
from tedbench.errors import PairError, UserError
from tedbench.method import Editor
from tedbench.pair import Entry


class Todo(NamedTuple):
    """A pair and the (strength, seed) that it still lacks, in order."""

    entry: Entry
    requests: list[tuple[float, int]]


class Runner(Protocol):
    """What does a job's pairs: an :class:`~eval.engine.executor.Executor`."""

    part: Part

    def run(self, job: Job, todo: Sequence[Todo]) -> None:
        """Write a shard for each pair."""


@dataclass
class Job:
    """Everything that a run needs in one process."""

    run: RunWriter
    dataset: Dataset
    editor: Editor
    metrics: list[Metric]
    requests: list[tuple[float, int]]
    executor: Runner
    reporter: Reporter
    retry_failed: bool = False
    settings: dict[str, Any] = field(default_factory=dict)  # what it was built from, for other processes
    lock: RunLock | None = None

    def __post_init__(self) -> None:
        self._inputs = Inputs(self.dataset)
        self._taken, self._unreadable = Taken(self.run.metrics), 0
        self._replaced: list[str] = []

    def close(self) -> None:
        """Lets other commands work on the run's folder; float32 is float32 again in this process."""
        multiply_exactly()
        if self.lock is not None:
            self.lock.release()

    def todo(self) -> list[Todo]:
        """Pairs that lack an image, in the dataset's order. What was lost or changed of their files is said, and lacks too.

        What was corrected of a finished pair is taken over and said: its scores that depend on it are forgotten.

        Raises:
            UserError: a finished pair's input has changed since.
        """
        self._taken, self._unreadable = Taken(self.run.metrics), 0
        self._replaced.clear()
        found = [Todo(entry, missing) for entry in self.dataset.entries if (missing := self.missing(entry))]
        for line in self._taken.lines([metric.name for metric in self.metrics]):
            self.reporter.say(line)
        if count := self._unreadable:
            of = "1 finished pair" if count == 1 else f"{count} finished pairs"
            self.reporter.say(f"The pictures of {of} cannot be read now; what the run has of them stays as it is.")
        if self._replaced:
            self.reporter.say(
                f"the edited images of {len(self._replaced)} of {len(self.dataset)} pairs, such as {self._replaced[0]}, "
                "are other files than before: they are made and scored again"
            )
        return found

    def missing(self, entry: Entry) -> list[tuple[float, int]]:
        """The (strength, seed) that a pair still lacks; of a failed one all or, unless it is tried again, none.

        Raises:
            UserError: as :meth:`todo`.
        """
        shard = self.run.shard(entry.id)
        if not shard.exists():
            return self.requests
        info = shard.info()
        try:
            rows = shard.samples()
        except DamagedError as error:
            self.reporter.say(f"{error} The pair is made again.")
            return self.requests
        if (rows["status"] == "ok").any():
            self._same_texts(entry, info)
        if info.get("input"):
            self._same_input(entry, info["input"])
        corrected = self._corrected(shard, entry, bool((rows["status"] == "ok").any()))
        changed = shard.replaced(self.editor.origins(entry)).intersection(self.requests)
        if changed:
            self._replaced.append(entry.id)
        if info["status"] == "failed" and not changed and not self._tried_again(entry, info, rows):
            if corrected:
                self._correct(entry, corrected)
            if set(self.requests) - set(zip(rows["strength"], rows["seed"], strict=True)):
                self.run.write_failure(entry, self.requests, info["reason"], unread=info.get("unread", False))
            return []
        rows = rows[rows["status"] == "ok"]
        if broken := shard.broken(thorough=True):
            self.reporter.say(f"{entry.id}: {listed(broken)}. What is lost is made again.")
            rows = rows[[Path(image).name not in broken for image in rows["image"]]]
        have = set(zip(rows["strength"], rows["seed"], strict=True)) - changed
        lacking = [request for request in self.requests if request not in have]
        if corrected and have and not broken:
            self._correct(entry, corrected)
        return [] if broken and have and not self._mended(entry, lacking) else lacking

    def _corrected(self, shard: Shard, entry: Entry, made: bool) -> tuple[str, ...]:
        """What the list says of a pair otherwise than its shard (noted); of one without images, what tables show alone."""
        changed = corrections(shard, entry, self._inputs)
        if not made:
            return tuple(name for name in changed if name in TABLED)
        self._taken.add(changed, shard.score_names() if changed else ())
        self._unreadable += self._inputs.digest(entry) is None
        return changed

    def _correct(self, entry: Entry, changed: Collection[str]) -> None:
        pair = None
        if TRUTH in changed:
            with suppress(PairError):  # its true edit stays, and is said to
                pair = self.dataset.load(entry)
        self.run.correct(entry, pair)

    def _tried_again(self, entry: Entry, info: dict[str, Any], rows: pd.DataFrame) -> bool:
        """Whether a failed pair is: at the user's wish, or where what it lacked is there now."""
        if self.retry_failed:
            return True
        if info.get("unread"):
            return self._inputs.digest(entry) is not None
        made = (rows["status"] == "ok").any()
        return not made and any(info.get(name) != getattr(entry, name) for name in self.editor.needs)

    def _mended(self, entry: Entry, lacking: list[tuple[float, int]]) -> bool:
        """Writes a shard again from what is whole of it. Where its source image is lost too, what it lacks has failed."""
        try:
            pair = self.dataset.load(entry)
        except PairError as error:
            self.reporter.say(f"{entry.id} cannot be mended: {error}")
            if lacking:
                self.run.write_failure(entry, lacking, str(error), unread=True)
                self.run.event("failure", pair=entry.id, reason=str(error))
            return False
        self.run.write_shard(pair, [])
        return True

    def _same_texts(self, entry: Entry, info: dict[str, Any]) -> None:
        for name in self.editor.needs:
            if info.get(name) != getattr(entry, name):
                raise UserError(
                    f"The {name} of {entry.id} is {getattr(entry, name)!r}, and {self.run.folder} was made with "
                    f"{info.get(name)!r}. Give another run_dir."
                )

    def _same_input(self, entry: Entry, digest: str) -> None:
        if self._inputs.digest(entry) not in (digest, None):  # what was made while the image was there stays good
            raise UserError(
                f"The image of {entry.id} is not the one that {self.run.folder} was made with. "
                "Restore it, or give another run_dir."
            )

    def shards(self) -> list[Shard]:
        """Of this job's pairs, those that are complete."""
        return [shard for entry in self.dataset.entries if (shard := self.run.shard(entry.id)).exists()]

    def execute(self) -> None:
        """Fits and samples what is to do; failures stay within their pair."""
        todo = self.todo()
        if kept := len(self.dataset) - len(todo):
            self.reporter.say(f"{kept} of {len(self.dataset)} pairs are already there{self._failed(todo)}")
        with self.reporter.stop:
            self.executor.run(self, todo)
        if fits := getattr(self.editor, "fits", None):
            files = list(fits.folder.glob("*.safetensors"))
            self.reporter.say(
                f"{fits.folder} has {len(files)} fits, {sum(f.stat().st_size for f in files) / 1e6:.1f} MB"
            )

    def _failed(self, todo: Sequence[Todo]) -> str:
        """How many of the pairs that are left alone have failed."""
        again = {entry.id for entry, _ in todo}
        left = [self.run.shard(entry.id) for entry in self.dataset.entries if entry.id not in again]
        failed = sum(shard.exists() and shard.info()["status"] == "failed" for shard in left)
        return (
            f", {failed} of them failed; run.retry_failed=true tries again" if failed and not self.retry_failed else ""
        )
