"""An executor's unit of work, and its outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from tedbench.pair import Entry


class Task(NamedTuple):
    """A pair and its missing (strength, seed), in order."""

    entry: Entry
    requests: Sequence[tuple[float, int]]


class Outcome(NamedTuple):
    """Outcome of a task.

    Attributes:
        images: number of images that were made and written.
        reason: why it failed; None if it did not.
        facts: times and memory, for the run's events.
        stopped: True if the user interrupted it; finished images are kept.
    """

    images: int
    reason: str | None
    facts: dict[str, Any]
    stopped: bool = False
