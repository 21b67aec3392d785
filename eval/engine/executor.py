"""What runs pairs: one after another here, or on many workers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from eval.engine.edit_pair import Outcome
from eval.engine.signals import Stopped
from eval.runs.lock import Part
from imagic.models.device import settle
from tedbench.errors import UserError
from tedbench.pair import Entry

if TYPE_CHECKING:
    from eval.engine.job import Job, Todo


class Executor(ABC):
    """Does a job's pairs. Their shards are the same whichever executor wrote them.

    Attributes:
        part: which of the dataset's pairs this command does; those of a Slurm array do one part each.
    """

    def __init__(self, shard: str | None = None) -> None:
        """
        Args:
            shard: "K/N", every N-th pair, or group of pairs that are fitted together, from the K-th on; None: all of them.

        Raises:
            UserError: ``shard`` is no such thing.
        """
        self.part = part_of(shard)

    def settle(self, numerics: Mapping[str, Any]) -> tuple[str, int]:
        """The device and the number of CPU threads that pairs are computed with; this process is set up for them.

        Raises:
            UserError: a setting that is no such thing, or a device that is not there.
        """
        return settle(numerics)

    def own_device(self, device: str) -> str:
        """Where this process itself holds method and metrics, given where pairs are computed."""
        return device

    @abstractmethod
    def run(self, job: Job, todo: Sequence[Todo]) -> None:
        """Writes a shard for each pair: its images, or the reason why there are none."""


def part_of(shard: str | None) -> Part:
    """The part that "2/8" names: the second of eight; None names all pairs.

    Raises:
        UserError: it is no such thing.
    """
    if shard is None:
        return Part()
    number, _, count = str(shard).partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise UserError(f"executor.shard is {shard!r}. It must be K/N, such as 1/8 to 8/8 for eight commands.")
    return Part(int(number), int(count))


def begin(job: Job, entry: Entry) -> None:
    """What only one process of a run does before each pair: events and progress.

    Raises:
        Stopped: the user asked to.
    """
    job.reporter.stop.check()
    job.run.event("begin", pair=entry.id)
    job.reporter.start_pair(entry)


def record(job: Job, entry: Entry, outcome: Outcome) -> None:
    """What only one process of a run does after each pair: events and progress.

    Raises:
        Stopped: the pair was left at the user's wish.
    """
    if outcome.images:
        job.run.event("pair", pair=entry.id, images=outcome.images, **outcome.facts)
    if outcome.reason:
        job.run.event("failure", pair=entry.id, reason=outcome.reason)
    if outcome.stopped:
        raise Stopped
    job.reporter.end_pair(entry, outcome.reason)
