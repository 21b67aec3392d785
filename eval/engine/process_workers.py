"""Workers that are processes of this machine, each at the other end of a pipe."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

from eval.engine.context import EditContext
from eval.engine.task import Outcome, Task
from eval.engine.worker import Worker
from eval.engine.workers import WorkerLostError, Workers
from tedbench.errors import UserError

STAGE_EVERY = 0.5
"""Seconds between a worker's reports of its stage."""


class Answer(NamedTuple):
    """A message of a worker: its stage, or the end of a call with its result or the exception that it raised."""

    kind: Literal["stage", "result", "raised"]
    value: Any


class Process:
    """A worker's process, as this process sees it. It has one call at a time, which is the process itself."""

    def __init__(self, args: Sequence[Any]) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would share locks of torch's threads
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=serve, args=(theirs, *args), daemon=True)
        self.process.start()
        theirs.close()  # so that the pipe ends with the process
        self.stage: tuple[str, int, int] | None = None
        self.answer: Answer | None = None

    def send(self, bundle: Sequence[Task] | None) -> Process:
        """Begin a call, and return it: to edit a bundle, or to build the method if it is None."""
        self.answer = None
        with suppress(BrokenPipeError):  # told by `receive`
            self.pipe.send(bundle)
        return self

    def receive(self) -> bool:
        """Read what has come; return True if the call has ended."""
        try:
            while self.answer is None and self.pipe.poll():
                answer = self.pipe.recv()
                if answer.kind == "stage":
                    self.stage = answer.value
                else:
                    self.answer = answer
        except (EOFError, OSError):
            self.process.join()
            self.answer = Answer("raised", WorkerLostError(f"it ended with status {self.process.exitcode}"))
        return self.answer is not None


class ProcessWorkers(Workers):
    """Processes of this machine; a context manager that ends them."""

    def __init__(self, context: EditContext) -> None:
        super().__init__(context)
        self._started: list[Process] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._started:
            self.kill(worker)

    def start(self) -> Process:
        self._started.append(Process(self.arguments))
        return self._started[-1]

    def build(self, worker: Process) -> Process:
        return worker.send(None)

    def edit(self, worker: Process, bundle: Sequence[Task]) -> Process:
        return worker.send(bundle)

    def wait(self, calls: Sequence[Process], timeout: float) -> Sequence[Process]:
        wait([call.pipe for call in calls], timeout)
        return [call for call in calls if call.receive()]

    def result(self, call: Process) -> list[Outcome] | None:
        kind, value = call.answer or Answer("result", None)
        if kind == "raised":
            raise value
        outcomes: list[Outcome] | None = value
        return outcomes

    def kill(self, worker: Process) -> None:
        worker.process.kill()
        worker.process.join()
        worker.pipe.close()

    def stop(self, worker: Process) -> None:
        with suppress(OSError):
            worker.pipe.send(None)

    def stage(self, worker: Process) -> tuple[str, int, int] | None:
        return worker.stage


class _Connected(Worker):
    """A worker that reports its stage, stops when anything comes through the pipe while it works, and ends with the pipe."""

    def __init__(self, pipe: Connection, *args: Any) -> None:
        super().__init__(*args)
        self._pipe, self._told_at = pipe, 0.0

    def _progress(self, stage: str, step: int, steps: int) -> None:
        if self._pipe.poll():
            try:
                self._pipe.recv()
            except (EOFError, OSError):
                os._exit(1)  # the command is gone: an exception here would be recorded as the pair's failure
            self.stop()
        super()._progress(stage, step, steps)
        if time.monotonic() - self._told_at > STAGE_EVERY:
            self._told_at = time.monotonic()
            self._pipe.send(Answer("stage", (stage, step, steps)))


def serve(pipe: Connection, *args: Any) -> None:
    """Answer the calls that come through a pipe, until it ends: the main function of a worker's process.

    Args:
        pipe: its other end is a :class:`Process`.
        args: of :class:`eval.engine.worker.Worker`.
    """
    for number in (signal.SIGINT, signal.SIGTERM):  # they reach the command, which then tells its workers
        signal.signal(number, signal.SIG_IGN)
    worker = _Connected(pipe, *args)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            bundle = pipe.recv()
            try:
                worker.build()
                answer = Answer("result", None if bundle is None else worker.edit(bundle))
            except Exception as error:
                answer = Answer("raised", _sendable(error))
            pipe.send(answer)


def _sendable(error: Exception) -> Exception:
    """Return an error that can be sent: itself, with its traceback as a note if it is not the user's."""
    if not isinstance(error, UserError):
        error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError("".join(traceback.format_exception(error)))
    return error
