"""The base of the methods' edits: images generated in batches that fit into memory."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from imagic.errors import DivergedError
from imagic.models.base import TextToImage
from imagic.models.text import Text
from tedbench.method import Edit, Facts, Progress, Sample, silent
from tedbench.pair import EditPair
from tedbench.seeding import generator


class BatchedEdit(Edit):
    """A fitted pair whose images are generated in batches of one size, the last one filled up.

    So an image has the same bits whichever images are made beside it. A batch that does not fit into the GPU's memory
    is halved, and the same images are tried again; the final size is recorded in the run, since bits depend on it.
    """

    def __init__(self, model: TextToImage, pair: EditPair, text: Text, seed: int, batch: int) -> None:
        """
        Args:
            model: generates the images.
            pair: the fitted pair.
            text: its target text.
            seed: of the whole run.
            batch: number of images generated at a time.
        """
        self.model, self.pair_id, self.text = model, pair.id, text
        self._seed, self._asked, self._batch = seed, batch, batch

    @abstractmethod
    def make(self, requests: Sequence[tuple[float, int]]) -> Tensor:
        """Return x0 of each (strength, seed): (B, C, h, w)."""

    def sample(self, requests: Sequence[tuple[float, int]], progress: Progress = silent) -> Iterator[Sample]:
        done = 0
        while done < len(requests):
            chunk = list(requests[done : done + self._batch])
            full = [*chunk, *([chunk[-1]] * (self._batch - len(chunk)))]
            try:
                x0 = self.make(full)
                if not torch.isfinite(x0).all():
                    raise DivergedError(
                        "sampling gave values that are not finite; a smaller learning rate or guidance may help"
                    )
                images = self.model.decode(x0, self.text, [self.rng("upscaling", seed) for _, seed in full])
            except torch.OutOfMemoryError:
                if self._batch == 1:
                    raise
                self._batch = (self._batch + 1) // 2
                torch.cuda.empty_cache()
                continue
            for (strength, seed), image in zip(chunk, images, strict=False):
                yield Sample(strength, seed, image)
            done += len(chunk)
            progress("sampling", done, len(requests))

    def rng(self, *purpose: str | int) -> torch.Generator:
        """Return a CPU generator derived from the run's seed, the pair and a purpose."""
        return generator(self._seed, self.pair_id, *purpose)

    def facts(self) -> Facts:
        """Return ``sample_batch``, the size of a batch, if it had to be halved."""
        return {} if self._batch == self._asked else {"sample_batch": self._batch}
