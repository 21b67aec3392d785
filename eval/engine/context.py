"""The input of an executor: the pairs to edit, and everything that is needed to edit them in any process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from eval.engine.groups import groups_by_pair
from eval.engine.placement import Placement
from eval.engine.plan import Wanted
from eval.runs.writer import RunWriter
from tedbench.datasets.base import Dataset
from tedbench.method import Description, Editor
from tedbench.pair import Entry

if TYPE_CHECKING:
    from eval.engine.progress import Reporter


@dataclass(frozen=True)
class EditContext:
    """Everything that editing the pairs of a run needs.

    Attributes:
        run: the run's folder; this command holds its lock.
        wanted: the pairs of this command, the method's description, and the images that every pair should have.
        build: builds the method with its weights in this process, on the device of ``placement``.
        reporter: shows progress.
        placement: where pairs are computed.
        settings: the resolved configuration, from which other processes build the method and the metrics.
        metrics: names of the metrics that the run measures.
        together: number of pairs that are computed together.
    """

    run: RunWriter
    wanted: Wanted
    build: Callable[[], Editor]
    reporter: Reporter
    placement: Placement
    settings: Mapping[str, Any]
    metrics: Sequence[str] = ()
    together: int = 1

    @property
    def dataset(self) -> Dataset:
        """The pairs of this command."""
        return self.wanted.dataset

    @property
    def method(self) -> Description:
        """The method's description."""
        return self.wanted.method

    @cached_property
    def groups(self) -> dict[str, Sequence[Entry]]:
        """The pairs that are fitted together with a pair, itself among them, by the pair's id."""
        return groups_by_pair(self.dataset.entries, self.method.group)
