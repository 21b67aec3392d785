"""One pair after another in this process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from eval.engine.edit_pair import edit_pair
from eval.engine.executor import Executor, begin, record
from eval.engine.heap import settled_heap

if TYPE_CHECKING:
    from eval.engine.job import Job, Todo


class Inline(Executor):
    """The default executor."""

    def run(self, job: Job, todo: Sequence[Todo]) -> None:
        with job.reporter.pairs(len(todo)), settled_heap():
            for entry, requests in todo:
                begin(job, entry)
                outcome = edit_pair(job.run, job.dataset, job.editor, entry, requests, job.reporter.step)
                record(job, entry, outcome)
