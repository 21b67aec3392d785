"""The executor that edits one pair after another in this process."""

from __future__ import annotations

from collections.abc import Sequence

from eval.engine.context import EditContext
from eval.engine.executor import Executor, begin, record
from eval.engine.gc_freeze import gc_frozen
from eval.engine.make_pair import make_pair
from eval.engine.task import Task


class Inline(Executor):
    """The default executor: edits one pair after another in this process."""

    def run(self, context: EditContext, tasks: Sequence[Task]) -> None:
        if not tasks:
            return
        editor, reporter = context.build(), context.reporter
        with reporter.pairs(len(tasks)), gc_frozen():
            for task in tasks:
                begin(context, task.entry)
                group = context.groups[task.entry.id]
                outcome = make_pair(context.run, context.dataset, context.method, editor, task, group, reporter.step)
                record(context, task.entry, outcome)
