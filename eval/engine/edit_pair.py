"""One pair, in whichever process it runs: its shard is written here; what there is to tell of it goes back."""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from eval.engine.signals import Stopped
from eval.engine.stage_timer import Stages
from eval.runs.writer import RunWriter
from tedbench.datasets.base import Dataset
from tedbench.errors import PairError, UserError
from tedbench.method import Editor, Progress, Sample
from tedbench.pair import EditPair, Entry


class Outcome(NamedTuple):
    """How a pair ended.

    Attributes:
        images: how many were made and written now.
        reason: why not all, if so.
        facts: times and memory, for the run's events.
        stopped: whether it was left at the user's wish; the images so far are kept.
    """

    images: int
    reason: str | None
    facts: dict[str, Any]
    stopped: bool = False


def edit_pair(
    run: RunWriter,
    dataset: Dataset,
    editor: Editor,
    entry: Entry,
    requests: Sequence[tuple[float, int]],
    progress: Progress,
) -> Outcome:
    """Fits and samples a pair and writes its shard: its images, or the reason why there are none.

    Raises:
        UserError: what is no fault of the pair, such as a full disk.
    """
    start = time.monotonic()
    pair: EditPair | None = None
    samples: list[Sample] = []
    facts: dict[str, Any] = {}
    why: str | None = None
    stopped = False
    origins = editor.origins(entry)  # before anything is read: what changes meanwhile is made again
    try:
        pair = dataset.load(entry)
        stages = Stages(progress)
        with editor.fit(pair, stages) as edit:
            facts["fit_s"] = round(time.monotonic() - start, 2)
            start = time.monotonic()
            try:
                for sample in edit.sample(requests, stages):
                    samples.append(sample)
            finally:
                origins = edit.origins()
                facts |= {"sample_s": round(time.monotonic() - start, 2), **edit.facts(), **stages.facts()}
    except Stopped:
        stopped = True
    except PairError as error:
        why = str(error)
    except (RuntimeError, ValueError, ArithmeticError, MemoryError) as error:  # a pair's failure stays its own
        why = reason(error)
    except UserError:
        raise
    except Exception as error:  # also what nobody expects of a model; where it was helps to mend it
        why = f"{reason(error)} ({_place(error)})"
    if pair is not None and samples:  # also those that were made before a failure
        run.write_shard(pair, samples, origins)
    if why is not None:
        run.write_failure(entry, requests, why, origins, unread=pair is None)
    return Outcome(len(samples), why, facts, stopped)


def _place(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


def reason(error: BaseException) -> str:
    """An exception as one line for a table."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return "out of memory: a smaller numerics.sample_batch, or numerics.dtype=bfloat16, may help"
    first = (str(error).strip().splitlines() or [""])[0][:300]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
