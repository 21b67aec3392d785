"""A worker: builds the method and the metrics once and edits one pair after another."""

from __future__ import annotations

import gc
import os
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.engine.groups import groups_by_pair
from eval.engine.make_pairs import make_pairs, reason
from eval.engine.plan import Wanted, examine_pair
from eval.engine.signals import SignalGuard
from eval.engine.task import Outcome, Task
from eval.runs.writer import RunWriter
from tedbench.errors import PairError, UserError
from tedbench.pair import Entry


class Worker:
    """Worker that runs bundles of tasks. Its process may be replaced; every bundle can be repeated."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], device: str, threads: int, cwd: str) -> None:
        """
        Args:
            folder: the run's folder, under the same path on every machine.
            settings: the resolved configuration.
            device, threads: device and CPU threads of the method, see :class:`eval.engine.placement.Placement`.
            cwd: the driver's working directory, the base of relative paths.
        """
        self._folder, self._settings, self._device, self._threads, self._cwd = folder, settings, device, threads, cwd
        self._built, self._stage, self._stop = False, ("", 0, 1), SignalGuard()

    def build(self) -> None:
        """Build the method and the metrics, once. (An error in the constructor would be a lost worker.)

        Raises:
            UserError: see :func:`eval.engine.build.build_with_fits`.
        """
        from eval.engine.build import build_with_fits
        from eval.metrics.build import build_metrics
        from imagic.api import describe_editor
        from imagic.models.device import settle
        from tedbench.datasets.build import build_dataset

        if self._built:
            return
        settings, device = self._settings, self._device
        os.chdir(self._cwd)
        settle({**settings["numerics"], "device": device, "threads": self._threads})
        self._run = RunWriter.open(self._folder)
        self._dataset = build_dataset(settings["dataset"])
        self._method = describe_editor(settings)
        self._editor = build_with_fits(settings, self._run.config(), device)
        self._metrics = build_metrics(settings["metrics"], device)
        self._groups = groups_by_pair(self._dataset.entries, self._method.group)
        self._built = True
        gc.freeze()  # see eval.engine.gc_freeze; here until the process ends

    def stage(self) -> tuple[str, int, int]:
        """Return the current stage, its step and its number of steps."""
        return self._stage

    def edit(self, bundle: Sequence[Task]) -> list[Outcome]:
        """Make the images of tasks that an earlier attempt has not made, and score their pairs.

        Returns:
            The outcome of each task.

        Raises:
            UserError: an error that does not concern one pair alone, such as a full disk.
        """
        self.build()
        outcomes = {task.entry.id: Outcome(len(task.requests), None, {}) for task in bundle}
        lacking = [lacking for task in bundle if task.requests and (lacking := self._lacking(task))]
        run, dataset, method, editor, groups = self._run, self._dataset, self._method, self._editor, self._groups
        if lacking:
            for task, outcome in make_pairs(run, dataset, method, editor, lacking, groups, self._progress):
                outcomes[task.entry.id] = outcome
        return [self._scored(task.entry, outcomes[task.entry.id]) for task in bundle]

    def _scored(self, entry: Entry, outcome: Outcome) -> Outcome:
        """Score a pair and add its time to the outcome."""
        start = time.monotonic()
        why = None if outcome.stopped else self.score(entry.id)
        facts = {"score_s": round(time.monotonic() - start, 2), "worker": f"{platform.node()}:{os.getpid()}"}
        return outcome._replace(facts=outcome.facts | facts | ({"not_scored": why} if why else {}))

    def _lacking(self, task: Task) -> Task | None:
        self._run.clear_leftovers([task.entry.id])
        wanted = Wanted(self._dataset, self._method, task.requests, retry_failed=True)
        requests = examine_pair(self._run, wanted, task.entry).requests
        return Task(task.entry, requests) if requests else None

    def score(self, pair_id: str) -> str | None:
        """Write the scores that a shard lacks.

        Returns:
            The reason why a score could not be written; None if all were. The driver tries missing scores again at the
            end, and reports errors.

        Raises:
            UserError: an error that does not concern this pair alone, such as a full disk.
        """
        from eval.engine.score_pair import lacking, write_scores
        from eval.metrics.measure import MetricError

        shard = self._run.shard(pair_id)
        try:
            for _ in write_scores(shard, lacking(shard, self._metrics)):
                pass
        except (PairError, MetricError) as error:
            return str(error)
        except UserError:
            raise
        except Exception as error:  # a shard may be replaced meanwhile
            return reason(error)
        return None

    def stop(self) -> None:
        """Interrupt the current task at its next step; finished images are kept."""
        self._stop.asked = True

    def _progress(self, stage: str, step: int, steps: int) -> None:
        self._stop.check()
        self._stage = (stage, step, steps)
