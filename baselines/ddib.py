"""DDIB (Su et al., arXiv 2203.08382): the image's noise under the source text, decoded under the target text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from imagic.models.base import TextToImage
from imagic.models.batched import BatchedEdit, BatchedEditor, Row
from imagic.models.sampling import ddim, invert
from imagic.models.text import Text
from tedbench.errors import PairError
from tedbench.method import Axis, Description, Edit, Progress, Randomness, silent
from tedbench.pair import EditPair
from tedbench.settings import Count, checked_block


class DDIB(BatchedEditor):
    """DDIB; its strength is the decoder's guidance. It draws no random numbers.

    Two deterministic DDIM passes over the same timesteps: from the input to x_T under the *source* text at guidance 1,
    and from x_T to an image under the *target* text. With one text for both, guidance 1 returns the input, up to the
    error of the steps.
    """

    randomness: ClassVar[Randomness] = "none"
    shares: ClassVar[bool] = True
    needs: tuple[str, ...] = ("source_text",)
    axis = Axis("guidance", "guidance", (1.0, 2.0, 3.0, 4.0, 5.0), least=0.0)

    def __init__(
        self,
        model: TextToImage,
        *,
        sampling: Mapping[str, Any],
        seed: int = 0,
        sample_batch: int = 16,
        fit_batch: int = 1,
    ) -> None:
        """
        Args:
            model: any text-to-image model of :mod:`imagic.models`; it stays as pretrained.
            sampling: ``steps`` of DDIM, each way.
            seed: of the whole run; only a cascade's upscalers draw anything.
            sample_batch: how many images are generated at a time; the last batch is filled up.
            fit_batch: how many inputs are inverted at a time; the last batch is filled up too.
        """
        super().__init__(model, seed=seed, sample_batch=sample_batch, fit_batch=fit_batch)
        self.steps = _steps(sampling)
        model.process.schedule(self.steps)  # raises for too many

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        _steps(**settings)
        return super().describe(settings)

    def fit(self, pair: EditPair, progress: Progress = silent) -> Edit:
        """Invert the input with DDIM under the source text.

        Raises:
            PairError: the pair has no source text.
            UserError: it has another size than the model.
        """
        (found,) = self.fit_together([pair], progress)
        if isinstance(found, PairError):
            raise found
        return found

    def fit_together(self, pairs: Sequence[EditPair], progress: Progress = silent) -> list[Edit | PairError]:
        """Invert the inputs of several pairs, ``fit_batch`` at a time."""
        found: dict[str, Edit | PairError] = {}
        ready = []
        for pair in pairs:
            self.model.require_size(pair)
            try:
                self.require(pair.entry)
                ready.append(pair)
            except PairError as error:
                found[pair.id] = error
        for pair, x_T in zip(ready, self._inverted(ready, progress), strict=True):  # noqa: N806
            found[pair.id] = DDIBEdit(self, pair, x_T)
        return [found[pair.id] for pair in pairs]

    def _inverted(self, pairs: Sequence[EditPair], progress: Progress) -> Iterator[Tensor]:
        """Yield x_T of each pair, (1, C, h, w)."""
        model, size, done = self.model, self.fit_batch, 0
        while done < len(pairs):
            chunk = list(pairs[done : done + size])
            full = [*chunk, *[chunk[-1]] * (size - len(chunk))]
            tell = lambda step, done=done: progress("inversion", done * self.steps + step, len(pairs) * self.steps)
            try:
                x0 = torch.cat([model.encode_image(pair.image) for pair in full])
                texts = Text.cat([model.encode_text([pair.source_text or ""]) for pair in full])
                yield from invert(model, x0, texts, steps=self.steps, progress=tell)[-1][: len(chunk)].split(1)
            except torch.OutOfMemoryError:
                if size == 1:
                    raise
                size = (size + 1) // 2
                torch.cuda.empty_cache()
                continue
            done += len(chunk)

    def make(self, rows: Sequence[Row]) -> Tensor:
        """Decode x_T at each guidance. The seed has no effect."""
        x_T = torch.cat([row.edit.x_T for row in rows])  # noqa: N806
        texts = Text.cat([row.edit.text for row in rows])
        guidance = torch.tensor([row.strength for row in rows])
        return ddim(self.model, x_T, texts, self.null, steps=self.steps, guidance=guidance)


def _steps(sampling: Mapping[str, Any]) -> int:
    steps: int = checked_block("recipe.ddib.sampling", sampling, steps=Count)["steps"]
    return steps


class DDIBEdit(BatchedEdit):
    """A pair's x_T, and its target text."""

    def __init__(self, editor: DDIB, pair: EditPair, x_T: Tensor) -> None:  # noqa: N803
        super().__init__(editor, pair)
        self.x_T = x_T
