"""One pair after another in this process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from eval.executors.base import Executor, begin, record
from eval.executors.pair import edit_pair
from eval.heap import settled_heap

if TYPE_CHECKING:
    from eval.pipeline import Job, Todo


class Inline(Executor):
    """The default executor."""

    def run(self, job: Job, todo: Sequence[Todo]) -> None:
        with job.reporter.pairs(len(todo)), settled_heap():
            for entry, requests in todo:
                begin(job, entry)
                outcome = edit_pair(job.run, job.dataset, job.editor, entry, requests, job.reporter.step)
                record(job, entry, outcome)
