"""The base of methods that begin with an inversion of the input: DDIM's, or a flow's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from imagic.models.base import TextToImage
from imagic.models.batched import BatchedEdit, BatchedEditor, Row, halving
from imagic.models.choices import FlowSolver
from imagic.models.flow_solvers import solve
from imagic.models.sampling import invert
from imagic.models.text import Text
from tedbench.errors import PairError
from tedbench.method import Edit, Progress, Randomness, silent
from tedbench.pair import EditPair


class InversionEditor(BatchedEditor):
    """A method whose fit is an inversion of the input, from pixels to x_T; it draws no random numbers.

    Attributes:
        solver: of the inversion: "ddim", or one of a flow's.
    """

    randomness: ClassVar[Randomness] = "none"
    shares: ClassVar[bool] = True
    solver: FlowSolver | Literal["ddim"] = "ddim"

    def __init__(
        self, model: TextToImage, *, steps: int, seed: int = 0, sample_batch: int = 16, fit_batch: int = 1
    ) -> None:
        """
        Args:
            model: any text-to-image model of :mod:`imagic.models`; it stays as pretrained.
            steps: each way.
            seed: of the whole run; only a cascade's upscalers draw anything.
            sample_batch: how many images are generated at a time; the last batch is filled up.
            fit_batch: how many inputs are inverted at a time; the last batch is filled up too.
        """
        super().__init__(model, seed=seed, sample_batch=sample_batch, fit_batch=fit_batch)
        self.steps = steps
        model.process.schedule(steps)  # raises for too many

    def inversion_text(self, pair: EditPair) -> str:
        """Return the text under which a pair's input is inverted: by default its source text."""
        return pair.source_text or ""

    def open(self, pair: EditPair, path: list[Tensor]) -> BatchedEdit:
        """Return the edit of a pair whose input is inverted; :meth:`require` has refused those that lack something.

        Args:
            pair: the pair.
            path: see :attr:`InversionEdit.path`.
        """
        return InversionEdit(self, pair, path)

    def trajectory(
        self, pairs: Sequence[EditPair], x0: Tensor, text: Text, progress: Callable[[int], None]
    ) -> list[Tensor]:
        """Return the trajectory from the inputs' latents to the noise, see :func:`imagic.models.sampling.invert`.

        Args:
            pairs: B pairs.
            x0: their latents, (B, C, h, w).
            text: B texts, see :meth:`inversion_text`.
            progress: called with the number of steps done.
        """
        if self.solver == "ddim":
            return invert(self.model, x0, text, steps=self.steps, progress=progress)
        settings: dict[str, Any] = {"steps": self.steps, "guidance": 1, "progress": progress}
        return solve(self.model, x0, text, text, solver=self.solver, up=True, **settings)

    def fit(self, pair: EditPair, progress: Progress = silent) -> Edit:
        """Invert the input.

        Raises:
            PairError: the pair lacks something that the method needs.
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
        for pair, path in zip(ready, self._inverted(ready, progress), strict=True):
            found[pair.id] = self.open(pair, path)
        return [found[pair.id] for pair in pairs]

    def _inverted(self, pairs: Sequence[EditPair], progress: Progress) -> Iterator[list[Tensor]]:
        """Yield the path of each pair."""
        model, size, done = self.model, self.fit_batch, 0
        while done < len(pairs):
            tell = lambda step, done=done: progress("inversion", done * self.steps + step, len(pairs) * self.steps)

            def inverted(
                size: int, rest: Sequence[EditPair] = pairs[done:], tell: Callable[[int], None] = tell
            ) -> list[Tensor]:
                full = [*rest[:size], *[rest[-1]] * (size - len(rest))]
                x0 = torch.cat([model.encode_image(pair.image) for pair in full])
                texts = Text.cat([model.encode_text([self.inversion_text(pair)]) for pair in full])
                return self.trajectory(full, x0, texts, tell)[::-1]

            size, path = halving(size, inverted)
            count = len(pairs[done : done + size])
            yield from ([x[i : i + 1].clone() for x in path] for i in range(count))
            done += count


class InversionEdit(BatchedEdit):
    """A pair with the trajectory of its inversion.

    Attributes:
        path: x at each level of the schedule, (1, C, h, w) each: the noise x_T first, the image's latents last.
    """

    def __init__(self, editor: InversionEditor, pair: EditPair, path: list[Tensor]) -> None:
        super().__init__(editor, pair)
        self.path = path


class SourceEdit(InversionEdit):
    """An inverted pair with its source text.

    Attributes:
        source: the source text.
    """

    def __init__(self, editor: InversionEditor, pair: EditPair, path: list[Tensor]) -> None:
        super().__init__(editor, pair, path)
        self.source = editor.model.encode_text([editor.inversion_text(pair)])


def paths(rows: Sequence[Row]) -> list[Tensor]:
    """Return the inversions of all rows, level by level: (B, C, h, w) each, the noise first."""
    return [torch.cat(level) for level in zip(*(row.edit.path for row in rows), strict=True)]
