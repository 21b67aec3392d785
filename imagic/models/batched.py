"""The base of methods whose images are generated in batches that fit into memory."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from imagic.errors import DivergedError
from imagic.models.base import TextToImage
from imagic.models.text import Text
from tedbench.method import Edit, Editor, Facts, Progress, Sample, silent
from tedbench.pair import EditPair
from tedbench.seeding import generator

T = TypeVar("T")


def batch_size(most: int, work: int) -> int:
    """Return the size of the batches for an amount of work: ``most``, or the power of two below it that is enough.

    Args:
        most: the size where there is enough work.
        work: number of images, or of pairs.
    """
    size = 1
    while size < work:
        size *= 2
    return min(size, most)


def halving(size: int, make: Callable[[int], T]) -> tuple[int, T]:
    """Return the size and ``make(size)``, or half the size, and so on, where that does not fit into the GPU's memory.

    Raises:
        torch.OutOfMemoryError: a size of 1 does not fit either.
    """
    while True:
        try:
            return size, make(size)
        except torch.OutOfMemoryError:
            if size == 1:
                raise
            size = (size + 1) // 2
            torch.cuda.empty_cache()


class BatchedEditor(Editor):
    """A method that generates its images in batches of one size, the last one filled up with copies.

    So an image has the same bits whichever images are made beside it. A method that leaves the model as it is (``shares``)
    fills its batches with the images of several pairs. A batch that does not fit into the GPU's memory is halved, and the
    same images are tried again; the size is recorded in the run, since bits depend on it.
    """

    def __init__(self, model: TextToImage, *, seed: int = 0, sample_batch: int = 16, fit_batch: int = 1) -> None:
        """
        Args:
            model: generates the images.
            seed: of the whole run; every draw derives from it, the pair and the purpose.
            sample_batch: number of images generated at a time.
            fit_batch: number of pairs that are fitted in one pass, by methods that can.
        """
        self.model, self.seed, self.image_size = model, seed, model.image_size
        self.sample_batch, self.fit_batch = sample_batch, fit_batch

    @property
    def evaluations(self) -> int:
        return self.model.evaluations

    @abstractmethod
    def make(self, rows: Sequence[Row]) -> Tensor:
        """Return x0 of each row: (B, C, h, w). What is made of a row must not depend on the others."""

    @cached_property
    def null(self) -> Text:
        """The empty text."""
        return self.model.encode_text([""])

    def noise(self, rows: Sequence[Row], *purpose: str | int) -> Tensor:
        """Return standard normal noise for a purpose, drawn from each row's pair and seed: (B, C, h, w) on the CPU."""
        shape = self.model.latent_shape
        return torch.stack([torch.randn(shape, generator=row.edit.rng(*purpose, row.seed)) for row in rows])

    def sample_together(
        self, edits: Sequence[tuple[Edit, Sequence[tuple[float, int]]]], progress: Progress = silent
    ) -> Iterator[tuple[int, Sample | Exception]]:
        rows, owners = [], []
        for number, (edit, requests) in enumerate(edits):
            assert isinstance(edit, BatchedEdit)
            rows += [Row(edit, strength, seed) for strength, seed in requests]
            owners += [number] * len(requests)
        order = list(range(len(rows)))
        if len(edits) > 1:  # equal strengths take equal steps: a batch of several takes those of its longest row
            order.sort(key=lambda place: rows[place].strength)
        for place, sample in zip(order, self._generate([rows[place] for place in order], progress), strict=True):
            yield owners[place], sample

    def _generate(self, rows: Sequence[Row], progress: Progress) -> Iterator[Sample | Exception]:
        """Yield the image of each row, or the error in its place."""
        done, batch = 0, self.sample_batch
        while done < len(rows):
            batch, made = halving(batch, partial(self._made, rows[done:]))
            chunk = rows[done : done + batch]
            for row, image, valid in zip(chunk, made.images, made.finite, strict=False):
                row.edit.batch = batch
                row.edit.evaluations += made.evaluations / len(chunk)
                row.edit.seconds += made.seconds / len(chunk)
                yield (
                    Sample(row.strength, row.seed, image)
                    if valid
                    else DivergedError(
                        "sampling gave values that are not finite; a smaller learning rate or guidance may help"
                    )
                )
            done += len(chunk)
            progress("sampling", done, len(rows))

    def _made(self, rows: Sequence[Row], size: int) -> _Made:
        """Return the images of the first rows in a batch of a size, filled up with copies of the last one."""
        full = [*rows[:size], *[rows[-1]] * (size - len(rows))]
        before, began = self.evaluations, time.monotonic()
        x0 = self.make(full)
        finite = torch.isfinite(x0).flatten(1).all(1).tolist()
        images = self.model.decode(x0, _shared_text(full), [row.edit.rng("upscaling", row.seed) for row in full])
        return _Made(images, finite, self.evaluations - before, time.monotonic() - began)


class _Made(NamedTuple):
    """A batch of images, its copies last: (B, H, W, 3) uint8; whether each one's latents are finite; and its cost."""

    images: np.ndarray
    finite: list[bool]
    evaluations: float
    seconds: float


class BatchedEdit(Edit):
    """A fitted pair of a :class:`BatchedEditor`.

    Attributes:
        pair_id: of the pair.
        text: its target text.
        batch: number of images generated at a time; 0 before the first.
        evaluations, seconds: of the network in the sampling so far, and of the sampling: its part of shared batches.
    """

    def __init__(self, editor: BatchedEditor, pair: EditPair) -> None:
        """
        Args:
            editor: the method.
            pair: the fitted pair.
        """
        self._editor: Any = editor
        self.pair_id, self.text, self.batch = pair.id, editor.model.encode_text([pair.target_text]), 0
        self.evaluations = self.seconds = 0.0

    def sample(self, requests: Sequence[tuple[float, int]], progress: Progress = silent) -> Iterator[Sample]:
        for _, sample in self._editor.sample_together([(self, requests)], progress):
            if isinstance(sample, Exception):
                raise sample
            yield sample

    def rng(self, *purpose: str | int) -> torch.Generator:
        """Return a CPU generator derived from the run's seed, the pair and a purpose."""
        return generator(self._editor.seed, self.pair_id, *purpose)

    def facts(self) -> Facts:
        if not self.batch:
            return {}
        return {
            "sample_s": round(self.seconds, 2),
            "sample_batch": self.batch,
            "sample_evaluations": round(self.evaluations),
        }


class Row(NamedTuple):
    """One image to generate: a strength and a seed of a fitted pair."""

    edit: Any
    strength: float
    seed: int


def texts(rows: Sequence[Row]) -> Text:
    """Return the target text of each row."""
    return Text.cat([row.edit.text for row in rows])


def _shared_text(rows: Sequence[Row]) -> Text:
    """Return the target text of all rows, or of each if they are of several pairs."""
    one: Text = rows[0].edit.text
    return one if all(row.edit is rows[0].edit for row in rows) else texts(rows)
