"""What each worker of ``executor=ray`` is: a process that builds method and metrics once and does pair after pair."""

from __future__ import annotations

import gc
import os
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.engine.edit_pair import edit_pair, reason
from eval.engine.groups import groups
from eval.engine.signals import Stop
from eval.engine.task import Outcome, Task
from eval.runs.writer import RunWriter
from tedbench.errors import PairError, UserError
from tedbench.pair import Entry


class Worker:
    """Holds what a job needs; the run's folder and all weights must be where the driver has them."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], device: str, threads: int, here: str) -> None:
        """
        Args:
            folder: of the run.
            settings: of the driver's job.
            device, threads: what the driver settled on.
            here: the driver's working directory, which relative paths start from.
        """
        self._folder, self._settings, self._device, self._threads, self._here = folder, settings, device, threads, here
        self._stage, self._stop = ("", 0, 1), Stop()

    def build(self) -> None:
        """What is asked of it first: an error of a constructor would be that of a lost worker.

        Raises:
            UserError: wrong settings, or weights that are not here.
        """
        from eval.engine.setup import build_with_fits
        from eval.metrics.build import build_metrics
        from imagic.api import describe_editor
        from imagic.models.device import settle
        from tedbench.datasets.build import build_dataset

        settings, device = self._settings, self._device
        os.chdir(self._here)
        settle({**settings["numerics"], "device": device, "threads": self._threads})
        self._run = RunWriter.open(self._folder)
        self._dataset = build_dataset(settings["dataset"])
        self._method = describe_editor(settings)
        self._editor = build_with_fits(settings, self._run.config(), device)
        self._metrics = build_metrics(settings["metrics"], device)
        self._groups = groups(self._dataset.entries, self._method.group)
        gc.freeze()  # as eval.engine.heap, for as long as this process lives

    def stage(self) -> tuple[str, int, int]:
        """The stage in hand, its step and how many there are."""
        return self._stage

    def edit(self, entry: Entry, requests: Sequence[tuple[float, int]]) -> Outcome:
        """Writes a pair's shard, and its scores."""
        group = next(group for group in self._groups if entry in group)
        task = Task(entry, requests)
        outcome = edit_pair(self._run, self._dataset, self._method, self._editor, task, group, self._progress)
        start = time.monotonic()
        why = None if outcome.stopped else self.score(entry.id)
        facts = {"score_s": round(time.monotonic() - start, 2), "worker": f"{platform.node()}:{os.getpid()}"}
        return outcome._replace(facts=outcome.facts | facts | ({"not_scored": why} if why else {}))

    def score(self, pair_id: str) -> str | None:
        """Writes the scores that a shard lacks; gives the reason why not, if so.

        Whatever that is, the other pairs go on: the driver measures at the end what lacks scores, and tells what it meets.

        Raises:
            UserError: what is no fault of the pair, such as a full disk.
        """
        from eval.engine.score_pair import lacking, write_scores

        shard = self._run.shard(pair_id)
        try:
            for _ in write_scores(shard, lacking(shard, self._metrics)):
                pass
        except PairError as error:
            return str(error)
        except UserError:
            raise
        except Exception as error:  # also what nobody expects of a metric, and a shard that is just being replaced
            return reason(error)
        return None

    def stop(self) -> None:
        """What is in hand ends where nothing that is finished gets lost."""
        self._stop.asked = True

    def _progress(self, stage: str, step: int, steps: int) -> None:
        self._stop.check()
        self._stage = (stage, step, steps)
