"""The base of executors, which run tasks in this process or on many workers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from eval.engine.context import EditContext
from eval.engine.placement import Placement
from eval.engine.signals import Stopped
from eval.engine.task import Outcome, Task
from eval.runs.part import Part
from imagic.models.device import resolve
from tedbench.errors import UserError
from tedbench.pair import Entry


class Executor(ABC):
    """Base of executors. Shards do not depend on the executor that wrote them.

    Attributes:
        part: the part of the dataset's pairs that this command edits, such as one for each job of a Slurm array.
        edits_here: True if this process builds and runs the method itself.
    """

    edits_here: ClassVar[bool] = True

    def __init__(self, shard: str | None = None) -> None:
        """
        Args:
            shard: "K/N" for every N-th pair (or group of pairs fitted together) from the K-th on; None for all.

        Raises:
            UserError: ``shard`` is not K/N with 1 <= K <= N.
        """
        self.part = part_of(shard)

    def place(self, numerics: Mapping[str, Any]) -> Placement:
        """Return where pairs are computed.

        Raises:
            UserError: a setting of ``numerics`` is invalid, or the device is missing.
        """
        return Placement(*resolve(numerics))

    def own_device(self, placement: Placement) -> str:
        """Return the device on which this process computes metrics."""
        return placement.device

    @abstractmethod
    def run(self, context: EditContext, tasks: Sequence[Task]) -> None:
        """Write a shard for each task: its images, or the reason why there are none."""


def part_of(shard: str | None) -> Part:
    """Return the part that "2/8" names: the second of eight; None names all pairs.

    Raises:
        UserError: it is not K/N with 1 <= K <= N.
    """
    if shard is None:
        return Part()
    number, _, count = str(shard).partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise UserError(f"executor.shard is {shard!r}. It must be K/N, such as 1/8 to 8/8 for eight commands.")
    return Part(int(number), int(count))


def begin(context: EditContext, entry: Entry) -> None:
    """Log and report the start of a pair; only one process of a run calls this.

    Raises:
        Stopped: the user interrupted the run.
    """
    context.reporter.stop.check()
    context.run.event("begin", pair=entry.id)
    context.reporter.start_pair(entry)


def record(context: EditContext, entry: Entry, outcome: Outcome) -> None:
    """Log and report the outcome of a pair; only one process of a run calls this.

    Raises:
        Stopped: the pair was interrupted by the user.
    """
    if outcome.images:
        context.run.event("pair", pair=entry.id, images=outcome.images, **outcome.facts)
    if outcome.reason:
        context.run.event("failure", pair=entry.id, reason=outcome.reason)
    if outcome.stopped:
        raise Stopped
    context.reporter.end_pair(entry, outcome.reason)
