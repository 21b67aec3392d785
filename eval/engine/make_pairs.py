"""Editing of pairs in any process: writes their shards and yields their outcomes."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from eval.engine.signals import Stopped
from eval.engine.stage_timer import StageTimer
from eval.engine.task import Outcome, Task
from eval.runs.writer import RunWriter
from tedbench.datasets.base import Dataset
from tedbench.errors import PairError, UserError
from tedbench.method import Description, Edit, Editor, Progress, Sample
from tedbench.pair import EditPair, Entry


def make_pairs(
    run: RunWriter,
    dataset: Dataset,
    method: Description,
    editor: Editor,
    tasks: Sequence[Task],
    groups: Mapping[str, Sequence[Entry]],
    progress: Progress,
) -> Iterator[tuple[Task, Outcome]]:
    """Fit and sample pairs and write each one's shard: its images, or the reason why there are none.

    An error while several pairs are computed together is not known to be of one of them: those that are not finished are
    then computed one by one.

    Args:
        run: the run to write to.
        dataset: the dataset of the pairs.
        method: description of the editor.
        editor: the method.
        tasks: pairs and their missing (strength, seed); several only if the method shares.
        groups: by pair id the pairs that are fitted together with it, itself included.
        progress: called after each step.

    Yields:
        Each task with the number of images made, the reason if it failed, times and memory; once its shard is written.

    Raises:
        UserError: an error that does not concern one pair alone, such as a full disk.
    """
    pairs = [_Pair(run, method, task) for task in tasks]
    timer, fitted = StageTimer(progress), list[_Pair]()
    with ExitStack() as stack:
        try:
            fitted = _fit(editor, dataset, pairs, groups, timer, stack)
            made = editor.sample_together([(pair.edit, pair.task.requests) for pair in fitted if pair.edit], timer)
            for number, sample in made:
                if fitted[number].take(sample):
                    yield fitted[number].finish(timer, len(fitted))
        except Stopped:
            for pair in pairs:
                pair.stopped = not pair.finished
        except Exception as error:  # models raise anything
            if isinstance(error, UserError) and not isinstance(error, PairError):
                raise
            if len(pairs) == 1:
                pairs[0].fail(error)
            else:
                stack.close()
                for task in [pair.task for pair in pairs if not pair.finished]:
                    yield from make_pairs(run, dataset, method, editor, [task], groups, progress)
                return
        yield from [pair.finish(timer, max(1, len(fitted))) for pair in pairs if not pair.finished]


def _fit(
    editor: Editor,
    dataset: Dataset,
    pairs: Sequence[_Pair],
    groups: Mapping[str, Sequence[Entry]],
    timer: StageTimer,
    stack: ExitStack,
) -> list[_Pair]:
    """Load and fit pairs, and first the group of a single one; return those that are fitted, which the stack closes."""
    start, before = time.monotonic(), editor.evaluations
    for pair in pairs:
        pair.load(dataset)
    ready = [pair for pair in pairs if pair.pair is not None]
    loaded = [pair.pair for pair in ready if pair.pair is not None]
    if len(pairs) == 1 and loaded and editor.awaits_group(loaded[0]):
        first = loaded[0]
        group = groups[first.id]
        editor.fit_group([first if each == first.entry else _load(dataset, each) for each in group], timer)
    for pair, edit in zip(ready, editor.fit_together(loaded, timer), strict=True):
        if isinstance(edit, Edit):
            pair.edit = stack.enter_context(edit)
        else:
            pair.fail(edit)
    now = time.monotonic()
    for pair in ready:
        pair.fit_s, pair.sample_start = (now - start) / len(ready), now
        pair.fit_evaluations = (editor.evaluations - before) / len(ready)
    return [pair for pair in ready if pair.edit is not None]


class _Pair:
    """A pair on its way from a task to an outcome."""

    def __init__(self, run: RunWriter, method: Description, task: Task) -> None:
        self._run, self.task = run, task
        self._origins = method.origins(task.entry)  # before anything is read, so that a later change is noticed
        self.pair: EditPair | None = None
        self.edit: Edit | None = None
        self._samples: list[Sample] = []
        self._why: str | None = None
        self.fit_s, self.sample_start, self.fit_evaluations = 0.0, 0.0, 0.0
        self.stopped = self.finished = False

    def load(self, dataset: Dataset) -> None:
        """Read the pair's images; an error is its failure."""
        try:
            self.pair = dataset.load(self.task.entry)
        except Exception as error:  # as for the edit itself
            if isinstance(error, UserError) and not isinstance(error, PairError):
                raise
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """Keep the reason of a failure, the first one."""
        if self._why is not None:
            return
        known = (RuntimeError, ValueError, ArithmeticError, MemoryError)
        if isinstance(error, PairError):
            self._why = str(error)
        else:  # for an unexpected kind file and line help to debug it
            self._why = reason(error) if isinstance(error, known) else f"{reason(error)} ({_place(error)})"

    def take(self, sample: Sample | Exception) -> bool:
        """Keep an image, or the error in its place; return True once the pair has all of its images."""
        if isinstance(sample, Exception):
            self.fail(sample)
        elif self._why is None:
            self._samples.append(sample)
        return len(self._samples) == len(self.task.requests)

    def finish(self, timer: StageTimer, together: int) -> tuple[Task, Outcome]:
        """Write the shard and return the outcome.

        Args:
            timer: of the stages.
            together: number of pairs that its times are of.
        """
        self.finished = True
        facts: dict[str, Any] = {}
        if self.edit is not None:
            self._origins = self.edit.origins()
            sample_s = (time.monotonic() - self.sample_start) / together
            facts = {"fit_s": round(self.fit_s, 2), "sample_s": round(sample_s, 2), **self.edit.facts()}
            if "sample_evaluations" in facts:
                facts["fit_evaluations"] = round(self.fit_evaluations)
            facts |= timer.facts() if together == 1 else {"together": together}
        place = {request: number for number, request in enumerate(self.task.requests)}
        self._samples.sort(key=lambda sample: place[sample.strength, sample.seed])
        if self.pair is not None and self._samples:  # including those made before a failure
            returned = self.edit.returned() if self.edit is not None else {}
            self._run.write_shard(self.pair, self._samples, self._origins, returned)
        if self._why is not None:
            entry, requests = self.task
            self._run.write_failure(entry, requests, self._why, self._origins, unread=self.pair is None)
        return self.task, Outcome(len(self._samples), self._why, facts, self.stopped)


def _load(dataset: Dataset, entry: Entry) -> EditPair | None:
    try:
        return dataset.load(entry)
    except Exception:  # any error is reported when that pair is edited
        return None


def _place(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


def reason(error: BaseException) -> str:
    """Return an exception as one line for a table."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return "out of memory: a smaller numerics.sample_batch, or numerics.dtype=bfloat16, may help"
    first = (str(error).strip().splitlines() or [""])[0][:300]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
