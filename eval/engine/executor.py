"""Runs tasks: one pair after another here, or on many workers."""

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
    """Edits pairs. Their shards are the same whichever executor wrote them.

    Attributes:
        part: which of the dataset's pairs this command edits; each command of a Slurm array has one part.
        edits_here: True if this process itself holds the method.
    """

    edits_here: ClassVar[bool] = True

    def __init__(self, shard: str | None = None) -> None:
        """
        Args:
            shard: "K/N", every N-th pair, or group of pairs that are fitted together, from the K-th on; None: all of them.

        Raises:
            UserError: ``shard`` is no such thing.
        """
        self.part = part_of(shard)

    def place(self, numerics: Mapping[str, Any]) -> Placement:
        """Return where pairs are computed.

        Raises:
            UserError: a setting of ``numerics`` that is no such thing, or a device that is not there.
        """
        return Placement(*resolve(numerics))

    def own_device(self, placement: Placement) -> str:
        """Return where this process itself computes metrics."""
        return placement.device

    @abstractmethod
    def run(self, context: EditContext, tasks: Sequence[Task]) -> None:
        """Write a shard for each task: its images, or the reason why there are none."""


def part_of(shard: str | None) -> Part:
    """Return the part that "2/8" names: the second of eight; None names all pairs.

    Raises:
        UserError: it is no such thing.
    """
    if shard is None:
        return Part()
    number, _, count = str(shard).partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise UserError(f"executor.shard is {shard!r}. It must be K/N, such as 1/8 to 8/8 for eight commands.")
    return Part(int(number), int(count))


def begin(context: EditContext, entry: Entry) -> None:
    """Log and report that a pair is begun; only one process of a run calls this.

    Raises:
        Stopped: the user asked to.
    """
    context.reporter.stop.check()
    context.run.event("begin", pair=entry.id)
    context.reporter.start_pair(entry)


def record(context: EditContext, entry: Entry, outcome: Outcome) -> None:
    """Log and report how a pair ended; only one process of a run calls this.

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
