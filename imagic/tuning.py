"""The base of methods that fine-tune the network on a pair and put the pretrained weights back afterwards."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from imagic.models.base import TextToImage
from imagic.models.batched import BatchedEdit, BatchedEditor, Row
from imagic.snapshot import Snapshot
from tedbench.method import Progress, Randomness, silent
from tedbench.pair import EditPair
from tedbench.settings import Amount, Count, Natural, Pattern, Share


class TuningEditor(BatchedEditor):
    """A method that changes the model's weights: one edit is open at a time, and closing it restores them bit by bit.

    Attributes:
        pretrained: a copy of the weights of every network that the method may change.
    """

    randomness: ClassVar[Randomness] = "sample"

    def __init__(
        self,
        model: TextToImage,
        *,
        snapshot: Snapshot | None = None,
        seed: int = 0,
        sample_batch: int = 16,
    ) -> None:
        """
        Args:
            model: any text-to-image model of :mod:`imagic.models`.
            snapshot: of every network that the method may change; None for one of the model's own.
            seed: of the whole run; every draw derives from it, the pair and the purpose.
            sample_batch: how many images are generated at a time; the last batch is filled up.
        """
        super().__init__(model, seed=seed, sample_batch=sample_batch)
        self.pretrained = snapshot or Snapshot(model.network)
        self._open: TunedEdit | None = None

    @abstractmethod
    def tune(self, pair: EditPair, progress: Progress) -> TunedEdit:
        """Fine-tune the network on a pair that has all that the method needs."""

    def fit(self, pair: EditPair, progress: Progress = silent) -> TunedEdit:
        """Fine-tune the network on a pair; after an error it is as pretrained.

        Raises:
            DivergedError: a loss was not finite.
            PairError: the pair lacks a text that the method needs.
            RuntimeError: the edit of the last pair is not closed.
            UserError: the pair has another size than the model.
        """
        if self._open is not None:
            raise RuntimeError("close the edit of the last pair first: it holds the fine-tuned weights")
        self.require(pair.entry)
        self.model.require_size(pair)
        try:
            self._open = self.tune(pair, progress)
        except BaseException:
            self.pretrained.restore()
            raise
        return self._open

    def require_open(self, rows: Sequence[Row]) -> None:
        """Refuse rows of an edit whose weights are gone; ``make`` begins with it.

        Raises:
            RuntimeError: an edit is closed.
        """
        if any(row.edit is not self._open for row in rows):
            raise RuntimeError("this edit is closed: its fine-tuned weights are gone")

    def restore(self) -> None:
        """Restore the pretrained weights, bit by bit."""
        self.pretrained.restore()
        self._open = None


class TunedEdit(BatchedEdit):
    """A fitted pair whose fine-tuned weights stay in the editor's model until it is closed."""

    def __init__(self, editor: TuningEditor, pair: EditPair) -> None:
        super().__init__(editor, pair)
        self._closed = False

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._editor.restore()


FINETUNE: dict[str, Any] = {
    "steps": Natural,
    "lr": Amount,
    "draws": Count,
    "decay": Share,
    "empty": Share,
    "weights": Pattern,
}
"""Kinds of the settings of :func:`imagic.finetune.finetune`, for a block of a recipe."""

SAMPLING: dict[str, Any] = {"steps": Count, "guidance": Amount}
"""Kinds of the settings of a sampler, for a block of a recipe."""
