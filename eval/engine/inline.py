"""The executor that edits pairs in this process."""

from __future__ import annotations

from collections.abc import Sequence

from eval.engine.batches import bundles
from eval.engine.context import EditContext
from eval.engine.executor import Executor, begin, record
from eval.engine.gc_freeze import gc_frozen
from eval.engine.make_pairs import make_pairs
from eval.engine.task import Task


class Inline(Executor):
    """The default executor: edits one pair after another in this process, or one bundle of pairs that share batches."""

    def run(self, context: EditContext, tasks: Sequence[Task]) -> None:
        if not tasks:
            return
        editor, reporter = context.build(), context.reporter
        run, dataset, method, groups = context.run, context.dataset, context.method, context.groups
        with reporter.pairs(len(tasks)), gc_frozen():
            for bundle in bundles(tasks, context.together):
                for task in bundle:
                    begin(context, task.entry)
                for task, outcome in make_pairs(run, dataset, method, editor, bundle, groups, reporter.step):
                    record(context, task.entry, outcome)
