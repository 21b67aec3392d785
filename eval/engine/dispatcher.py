"""Dispatcher of tasks to workers."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from eval.engine.batches import bundles
from eval.engine.context import EditContext
from eval.engine.executor import begin, record
from eval.engine.groups import groups
from eval.engine.plan import examine_pair
from eval.engine.signals import Stopped
from eval.engine.task import Outcome, Task
from eval.engine.workers import WorkerLostError, Workers
from tedbench.errors import UserError

SHUTDOWN_TIMEOUT = 10.0
"""Seconds that workers have to finish the images in progress when the user stops a run."""

WARN_AFTER = 120.0
"""Seconds without any worker after which a message is printed."""


Group = deque[list[Task]]
"""Bundles of tasks for one worker, one after another; the tasks of a bundle are computed together."""


def queue_of(context: EditContext, tasks: Sequence[Task], workers: int) -> deque[Group]:
    """Return bundles of tasks by groups of pairs fitted together, then tasks without requests for pairs without scores."""
    from eval.engine.score_pair import lacks_scores

    entries, run = context.dataset.entries, context.run
    editing = {task.entry.id: task for task in tasks}
    if context.together > 1:
        together = [deque([bundle]) for bundle in bundles(tasks, context.together, workers)]
    else:
        every = groups(entries, context.method.group)
        together = [deque([editing[e.id]] for e in group if e.id in editing) for group in every]
    others = [entry for entry in entries if entry.id not in editing and run.shard(entry.id).exists()]
    unscored = [deque([[Task(e, ())]]) for e in others if lacks_scores(run.shard(e.id), context.metrics)]
    return deque(group for group in [*together, *unscored] if group)


class Dispatcher:
    """Dispatcher that gives each worker one bundle of tasks at a time, and all bundles of a group to the same worker.

    A worker that is lost is replaced.
    """

    def __init__(self, workers: Workers, context: EditContext) -> None:
        """
        Args:
            workers: the way to run workers.
            context: context of the run.
        """
        self._workers, self._context = workers, context
        self._queue: deque[Group] = deque()
        self._in_flight: dict[Any, tuple[Any, Group]] = {}  # by result: worker and group, empty while it builds
        self._polled_at, self._warn_at = 0.0, time.monotonic() + WARN_AFTER

    def run(self, queue: deque[Group], workers: int) -> None:
        """Run groups of tasks; a task without requests only scores its pair.

        Args:
            queue: the groups, in order; it is consumed.
            workers: number of workers to start.

        Raises:
            Stopped: the user interrupted the run; workers had :data:`SHUTDOWN_TIMEOUT` seconds to finish the images in
                progress.
            UserError: workers do not start, or an error does not concern one pair alone, such as a full disk.
            Exception: a worker raised it.
        """
        self._queue = queue
        for _ in range(workers):
            self._start_worker()
        try:
            while self._queue or self._busy():
                self._collect(timeout=1.0)
                self._context.reporter.stop.check()
                self._show_stage()
                if time.monotonic() > self._warn_at:
                    self._context.reporter.say(f"still waiting for the first worker: {self._workers.late}")
                    self._warn_at = math.inf
        except Stopped:
            self._drain()
            raise

    def _busy(self) -> list[Any]:
        return [worker for worker, group in self._in_flight.values() if group]

    def _start_worker(self) -> None:
        worker = self._workers.start()
        self._in_flight[self._workers.build(worker)] = worker, deque()

    def _collect(self, timeout: float) -> None:
        """Record results, and give their workers the next tasks; wait at most ``timeout`` seconds for a result."""
        for call in self._workers.wait(list(self._in_flight), timeout):
            worker, group = self._in_flight.pop(call)
            self._warn_at = math.inf
            try:
                outcomes = self._workers.result(call)
            except WorkerLostError as lost:
                self._context.reporter.stop.check()  # the user's signal may have ended the worker too
                if not group:
                    raise UserError(f"Workers are lost one after another as they start, the last so: {lost}") from None
                self._give_up(worker, group)
                continue
            if group:
                for task, outcome in zip(group.popleft(), outcomes or (), strict=True):
                    if task.requests:
                        record(self._context, task.entry, outcome)
            self._dispatch(worker, group)

    def _dispatch(self, worker: Any, group: Group) -> None:
        """Give a worker the next bundle of its group, or of the next group."""
        self._context.reporter.stop.check()
        if not group and self._queue:
            group = self._queue.popleft()
        if group:
            for task in group[0]:
                if task.requests:
                    begin(self._context, task.entry)
            self._in_flight[self._workers.edit(worker, group[0])] = worker, group

    def _give_up(self, worker: Any, group: Group) -> None:
        """Mark a task as failed if its worker was lost at every attempt, unless its shard was written.

        It is not known which task of a bundle ended the worker: they are tried one by one.
        """
        with suppress(Exception):
            self._workers.kill(worker)  # it may be merely unreachable, and must not write any more
        bundle = group.popleft()
        if group:
            self._queue.appendleft(group)
        if len(bundle) > 1:
            self._queue.extendleft(deque([[task]]) for task in reversed(bundle))
        if self._queue:
            self._start_worker()
        if len(bundle) == 1 and bundle[0].requests:
            self._fail(bundle[0])

    def _fail(self, task: Task) -> None:
        (entry, requests), run = task, self._context.run
        run.clear_leftovers([entry.id])
        outcome = Outcome(len(requests), None, {"worker_lost": True})
        if examine_pair(run, self._context.wanted, entry).requests:
            times = f" {tries} times" if (tries := self._workers.tries) > 1 else ""
            reason = f"its worker was lost{times}: killed, short of memory, or with its machine"
            run.write_failure(entry, requests, reason, self._context.method.origins(entry))
            outcome = outcome._replace(images=0, reason=reason)
        record(self._context, entry, outcome)

    def _drain(self) -> None:
        """Let workers finish the images in progress."""
        for worker in self._busy():
            self._workers.stop(worker)
        deadline = time.monotonic() + SHUTDOWN_TIMEOUT
        while self._busy() and time.monotonic() < deadline:
            with suppress(Stopped):
                self._collect(timeout=0.5)

    def _show_stage(self) -> None:
        """Show the stage of one of the workers, at most once a second."""
        if not self._context.reporter.shows_steps or time.monotonic() - self._polled_at < 1:
            return
        self._polled_at = time.monotonic()
        if (busy := self._busy()) and (stage := self._workers.stage(busy[0])):
            self._context.reporter.step(*stage)
