"""One unit of an executor's work, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from tedbench.pair import Entry


class Task(NamedTuple):
    """A pair and the (strength, seed) that it still lacks, in order."""

    entry: Entry
    requests: Sequence[tuple[float, int]]


class Outcome(NamedTuple):
    """How a task ended.

    Attributes:
        images: number of images that were made and written.
        reason: why not all, if so.
        facts: times and memory, for the run's events.
        stopped: True if the user interrupted it; the images so far are kept.
    """

    images: int
    reason: str | None
    facts: dict[str, Any]
    stopped: bool = False
