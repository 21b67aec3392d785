"""The executor that edits pairs on several processes of this machine's CPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eval.engine.context import EditContext
from eval.engine.dispatcher import Dispatcher, queue_of
from eval.engine.executor import Executor
from eval.engine.placement import Placement
from eval.engine.process_workers import ProcessWorkers
from eval.engine.task import Task
from imagic.models.device import cpu_threads, resolve
from tedbench.errors import UserError
from tedbench.settings import Count


class Processes(Executor):
    """Executor with processes, each of which builds the method and the metrics once and edits one pair after another.

    A script that calls :func:`eval.api.evaluate` with it needs ``if __name__ == "__main__":``, as with every use of
    :mod:`multiprocessing`.
    """

    edits_here = False

    def __init__(self, workers: Count | None = None, shard: str | None = None) -> None:
        """
        Args:
            workers: number of processes; None: as many as the cores allow with the threads of each.
            shard: see :class:`~eval.engine.executor.Executor`.

        Raises:
            UserError: ``shard`` is not K/N with 1 <= K <= N.
        """
        super().__init__(shard)
        self._workers = workers

    def place(self, numerics: Mapping[str, Any]) -> Placement:
        """Return where pairs are computed: on the CPU, with one thread a process if ``threads`` is None."""
        if str(numerics["device"]) not in ("auto", "cpu"):
            raise UserError(
                f"numerics.device is {numerics['device']}, and executor=processes is for the CPU. Give executor=ray for "
                "several GPUs, or executor=inline for one."
            )
        return Placement(*resolve({**numerics, "device": "cpu", "threads": numerics["threads"] or 1}))

    def run(self, context: EditContext, tasks: Sequence[Task]) -> None:
        count = self._workers or max(1, cpu_threads(None) // context.placement.threads)
        if not (queue := queue_of(context, tasks, count)):
            return
        count = min(count, len(queue))
        context.reporter.say(f"starting {count} processes")
        with ProcessWorkers(context) as workers, context.reporter.pairs(len(tasks)):
            Dispatcher(workers, context).run(queue, count)
