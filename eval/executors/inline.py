"""One pair after another in this process."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from tedbench.errors import ImageError, UserError
from tedbench.pair import Entry

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
        try:
            pair = job.dataset.load(entry)
            with job.editor.fit(pair, job.reporter.step) as edit:
                fitted = time.monotonic()
                samples = list(edit.sample(requests, job.reporter.step))
        except UserError as error:
            if not isinstance(error, ImageError):
                raise
            self._failed(job, entry, requests, str(error))
        except (RuntimeError, ValueError, ArithmeticError, MemoryError) as error:  # a pair's failure stays its own
            self._failed(job, entry, requests, reason(error))
        else:
            job.run.write_shard(pair, samples)
            facts = {
                "fit_s": round(fitted - start, 2),
                "sample_s": round(time.monotonic() - fitted, 2),
                "images": len(samples),
            }
            job.run.event("pair", pair=entry.id, **facts)
            job.reporter.end_pair(entry, None)

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
