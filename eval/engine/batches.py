"""Sizes of the batches in which a run computes images and fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from eval.engine.task import Task
from tedbench.method import Description


class Batches(NamedTuple):
    """Numbers of images and of pairs that are computed at once.

    They follow from the settings and from the whole list of pairs, not from what is left to do or from the part of the
    list that a command names: so resumed runs, subsets and parts give the same bits.

    Attributes:
        images: number of images sampled at a time.
        pairs: number of pairs fitted in one pass; 1 for a method that does not share.
    """

    images: int
    pairs: int

    @classmethod
    def of(cls, method: Description, requests: int, listed: int, most: int) -> Batches:
        """Return the sizes for a run.

        Args:
            method: description of the method.
            requests: number of images of each pair.
            listed: number of pairs of the whole list.
            most: the largest size, ``numerics.sample_batch``.
        """
        from imagic.models.batched import batch_size

        if not method.shares:
            return cls(batch_size(most, requests), 1)
        return cls(batch_size(most, requests * listed), batch_size(most, listed))

    def within(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return settings with these sizes, to build the method from."""
        sizes = {"sample_batch": self.images, "fit_batch": self.pairs}
        return {**settings, "numerics": {**settings["numerics"], **sizes}}


def bundles(tasks: Sequence[Task], pairs: int, workers: int = 1) -> list[list[Task]]:
    """Split tasks into consecutive bundles that are computed together.

    Args:
        tasks: in order.
        pairs: largest number of pairs in a bundle.
        workers: number of workers that share the tasks; each gets at least one bundle where there are enough.
    """
    size = max(1, min(pairs, -(-len(tasks) // workers)))
    return [list(tasks[start : start + size]) for start in range(0, len(tasks), size)]
