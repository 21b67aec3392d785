"""Workers that are actors of Ray. Ray itself restarts a lost one and tries its call again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from eval.engine.context import EditContext
from eval.engine.task import Outcome, Task
from eval.engine.worker import Worker
from eval.engine.workers import WorkerLostError, Workers
from tedbench.errors import UserError


class RayWorkers(Workers):
    """Workers of a Ray cluster."""

    late = "does the cluster have room for one?"

    def __init__(self, ray: Any, context: EditContext, needs: Mapping[str, int], retries: int) -> None:
        """
        Args:
            ray: the module ``ray``, connected.
            context: context of the run.
            needs: ``num_cpus`` and ``num_gpus`` of each worker.
            retries: number of further attempts at a call after its worker was lost.
        """
        super().__init__(context)
        self._ray, self.tries = ray, retries + 1
        lost = {"max_restarts": -1, "max_task_retries": retries}
        self._actor = ray.remote(concurrency_groups={"control": 1}, **lost, **needs)(Worker)

    def start(self) -> Any:
        return self._actor.remote(*self.arguments)

    def build(self, worker: Any) -> Any:
        return worker.build.remote()

    def edit(self, worker: Any, bundle: Sequence[Task]) -> Any:
        return worker.edit.remote(bundle)

    def wait(self, calls: Sequence[Any], timeout: float) -> Sequence[Any]:
        ended: Sequence[Any] = self._ray.wait(list(calls), timeout=timeout)[0]
        return ended

    def result(self, call: Any) -> list[Outcome] | None:
        from ray.exceptions import RayError, RayTaskError

        try:
            outcomes: list[Outcome] | None = self._ray.get(call)
        except RayTaskError as error:
            raise (error.cause if isinstance(error.cause, UserError) else error) from None
        except RayError as error:
            raise WorkerLostError(str(error).strip().splitlines()[0]) from None
        return outcomes

    def kill(self, worker: Any) -> None:
        self._ray.kill(worker)

    def stop(self, worker: Any) -> None:
        worker.stop.options(concurrency_group="control").remote()

    def stage(self, worker: Any) -> tuple[str, int, int] | None:
        with suppress(Exception):  # a lost worker is noticed with its result
            stage: tuple[str, int, int] = self._ray.get(
                worker.stage.options(concurrency_group="control").remote(), timeout=1
            )
            return stage
        return None
