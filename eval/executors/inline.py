"""One pair after another in this process."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from eval.memory import peak_memory
from tedbench.errors import PairError
from tedbench.method import Sample
from tedbench.pair import EditPair, Entry

if TYPE_CHECKING:
    from eval.pipeline import Job, Todo


class Inline:
    """The default executor."""

    def run(self, job: Job, todo: Sequence[Todo]) -> None:
        """Writes a shard for each pair: its images, or the reason why there are none."""
        with job.reporter.pairs(len(todo)):
            for entry, requests in todo:
                self._one(job, entry, requests)

    def _one(self, job: Job, entry: Entry, requests: Sequence[tuple[float, int]]) -> None:
        start = time.monotonic()
        job.reporter.start_pair(entry)
        pair: EditPair | None = None
        samples: list[Sample] = []
        facts: dict[str, Any] = {}
        why: str | None = None
        try:
            pair = job.dataset.load(entry)
            peak_memory()  # what is measured from here on is this pair's
            with job.editor.fit(pair, job.reporter.step) as edit:
                facts["fit_s"] = round(time.monotonic() - start, 2)
                start = time.monotonic()
                try:
                    for sample in edit.sample(requests, job.reporter.step):
                        samples.append(sample)
                finally:
                    facts |= {"sample_s": round(time.monotonic() - start, 2), **edit.facts(), **peak_memory()}
        except PairError as error:
            why = str(error)
        except (RuntimeError, ValueError, ArithmeticError, MemoryError) as error:  # a pair's failure stays its own
            why = reason(error)
        if pair is not None and samples:  # also those that were made before a failure
            job.run.write_shard(pair, samples)
            job.run.event("pair", pair=entry.id, images=len(samples), **facts)
        if why is None:
            job.reporter.end_pair(entry, None)
        else:
            self._failed(job, entry, requests, why)

    def _failed(self, job: Job, entry: Entry, requests: Sequence[tuple[float, int]], why: str) -> None:
        job.run.write_failure(entry, requests, why)
        job.run.event("failure", pair=entry.id, reason=why)
        job.reporter.end_pair(entry, why)


def reason(error: BaseException) -> str:
    """An exception as one line for a table."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return "out of memory: a smaller numerics.sample_batch, or numerics.dtype=bfloat16, may help"
    first = (str(error).strip().splitlines() or [""])[0][:300]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
