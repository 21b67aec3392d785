"""Editing of one pair in any process: writes its shard and returns its outcome."""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.engine.signals import Stopped
from eval.engine.stage_timer import StageTimer
from eval.engine.task import Outcome, Task
from eval.runs.writer import RunWriter
from tedbench.datasets.base import Dataset
from tedbench.errors import PairError, UserError
from tedbench.method import Description, Editor, Progress, Sample
from tedbench.pair import EditPair, Entry


def make_pair(
    run: RunWriter,
    dataset: Dataset,
    method: Description,
    editor: Editor,
    task: Task,
    group: Sequence[Entry],
    progress: Progress,
) -> Outcome:
    """Fit and sample a pair and write its shard: its images, or the reason why there are none.

    Args:
        run: the run to write to.
        dataset: the dataset of the pair.
        method: description of the editor.
        editor: the method.
        task: the pair and its missing (strength, seed).
        group: the pairs that are fitted together with it, itself included.
        progress: called after each step.

    Returns:
        The number of images made, the reason if it failed, times and memory.

    Raises:
        UserError: an error that does not concern this pair alone, such as a full disk.
    """
    entry, requests = task
    start = time.monotonic()
    pair: EditPair | None = None
    samples: list[Sample] = []
    facts: dict[str, Any] = {}
    why: str | None = None
    stopped = False
    origins = method.origins(entry)  # before anything is read, so that a later change is noticed
    try:
        pair = dataset.load(entry)
        timer = StageTimer(progress)
        if editor.awaits_group(pair):
            editor.fit_group([pair if each == entry else _load(dataset, each) for each in group], timer)
        with editor.fit(pair, timer) as edit:
            facts["fit_s"] = round(time.monotonic() - start, 2)
            start = time.monotonic()
            try:
                for sample in edit.sample(requests, timer):
                    samples.append(sample)
            finally:
                origins = edit.origins()
                facts |= {"sample_s": round(time.monotonic() - start, 2), **edit.facts(), **timer.facts()}
    except Stopped:
        stopped = True
    except PairError as error:
        why = str(error)
    except (RuntimeError, ValueError, ArithmeticError, MemoryError) as error:  # other pairs go on
        why = reason(error)
    except UserError:
        raise
    except Exception as error:  # models raise anything; file and line help to debug it
        why = f"{reason(error)} ({_place(error)})"
    if pair is not None and samples:  # including those made before a failure
        run.write_shard(pair, samples, origins)
    if why is not None:
        run.write_failure(entry, requests, why, origins, unread=pair is None)
    return Outcome(len(samples), why, facts, stopped)


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
