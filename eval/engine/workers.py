"""The base of workers: processes that each hold a :class:`eval.engine.worker.Worker`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.engine.context import EditContext
from eval.engine.task import Outcome, Task


class WorkerLostError(Exception):
    """Raised in place of a call's result when the worker's process has ended; its text is the reason."""


class Workers(ABC):
    """Base of the ways to run workers. Workers and calls are opaque; a call is what :meth:`wait` and :meth:`result` take.

    Attributes:
        tries: number of attempts that are made at a call before its worker counts as lost.
        late: why the first worker may not have started yet, for the user.
        arguments: of :class:`eval.engine.worker.Worker`, for every worker.
    """

    tries: int = 1
    late: str = "it loads the model, or the machine is busy"

    def __init__(self, context: EditContext) -> None:
        """
        Args:
            context: context of the run.
        """
        place, folder = context.placement, context.run.folder.absolute()
        self.arguments = folder, context.settings, place.device, place.threads, str(Path.cwd())

    @abstractmethod
    def start(self) -> Any:
        """Start a worker and return it."""

    @abstractmethod
    def build(self, worker: Any) -> Any:
        """Call :meth:`~eval.engine.worker.Worker.build`; its result is None."""

    @abstractmethod
    def edit(self, worker: Any, bundle: Sequence[Task]) -> Any:
        """Call :meth:`~eval.engine.worker.Worker.edit`; its result is a list of outcomes."""

    @abstractmethod
    def wait(self, calls: Sequence[Any], timeout: float) -> Sequence[Any]:
        """Return calls that have ended; wait at most ``timeout`` seconds for the first."""

    @abstractmethod
    def result(self, call: Any) -> list[Outcome] | None:
        """Return the result of a call that has ended.

        Raises:
            WorkerLostError: the worker's process has ended.
            Exception: the call raised it.
        """

    @abstractmethod
    def kill(self, worker: Any) -> None:
        """End a worker's process at once, if it is still there."""

    @abstractmethod
    def stop(self, worker: Any) -> None:
        """Interrupt a worker's call at its next step; finished images are kept."""

    @abstractmethod
    def stage(self, worker: Any) -> tuple[str, int, int] | None:
        """Return a worker's current stage, its step and its number of steps; None if they are not known."""
