"""HiPer (Han et al., arXiv 2303.08767): the last tokens of a text fitted to the input, and put behind the target text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from imagic.embedding import optimise_embedding
from imagic.models.base import TextToImage
from imagic.models.batched import BatchedEdit, BatchedEditor, Row
from imagic.models.sampling import ddim
from imagic.models.text import Text
from tedbench.errors import UserError
from tedbench.method import Axis, Description, Progress, Randomness, silent
from tedbench.pair import EditPair
from tedbench.seeding import generator
from tedbench.settings import Amount, Count, Natural, checked_block


class HiPer(BatchedEditor):
    """HiPer; its strength is 1 − s, where s is the scale of the fitted tokens behind the target text.

    At 0 they have their full weight, which is nearest to the input but does not give it back: the text before them is
    the target text at every strength. At 1 they are zeros, or, with ``fade`` target, the target text's own.
    """

    randomness: ClassVar[Randomness] = "sample"
    shares: ClassVar[bool] = True
    needs: tuple[str, ...] = ("source_text",)
    axis = Axis("fade", "1 − s", (0.0, 0.2, 0.4, 0.6, 0.8, 1.0), least=0.0, most=1.0)
    cost: ClassVar[str] = "3n + 2N"

    def __init__(
        self,
        model: TextToImage,
        *,
        embedding: Mapping[str, Any],
        sampling: Mapping[str, Any],
        tail: Count = 5,
        fade: Literal["zero", "target"] = "zero",
        seed: int = 0,
        sample_batch: int = 16,
    ) -> None:
        """
        Args:
            model: any text-to-image model of :mod:`imagic.models`; it stays as pretrained.
            embedding: of the fit: ``steps``, ``lr``, ``draws``; 0 steps leave the source text's own tokens.
            sampling: ``steps`` of DDIM and ``guidance``.
            tail: number of the last tokens that are fitted.
            fade: what they become at strength 1: ``zero``, or the ``target`` text's own tokens.
            seed: of the whole run; every draw derives from it, the pair and the purpose.
            sample_batch: how many images are generated at a time; the last batch is filled up.

        Raises:
            UserError: the model's texts have too few tokens.
        """
        super().__init__(model, seed=seed, sample_batch=sample_batch)
        self._embedding, self.sampling = _blocks(embedding, sampling)
        self.tail, self.fade = tail, fade
        if tail >= (length := self.null.tokens.shape[1]):
            raise UserError(
                f"method.tail is {tail}. It must be less than {length}, the tokens of {model.name}'s texts."
            )
        model.process.schedule(self.sampling["steps"])  # raises for too many

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        _blocks(settings["embedding"], settings["sampling"])
        return super().describe(settings)

    def fit(self, pair: EditPair, progress: Progress = silent) -> HiPerEdit:
        """Fit the last tokens of the source text to the input.

        Raises:
            DivergedError: the loss was not finite.
            PairError: the pair has no source text.
            UserError: it has another size than the model.
        """
        self.require(pair.entry)
        self.model.require_size(pair)
        x0 = self.model.encode_image(pair.image)
        e_src = self.model.encode_text([pair.source_text or ""])
        rng = generator(self.seed, pair.id, "embedding")
        e = optimise_embedding(self.model, x0, e_src, rng=rng, tail=self.tail, progress=progress, **self._embedding)
        return HiPerEdit(self, pair, e.tokens[:, -self.tail :])

    def make(self, rows: Sequence[Row]) -> Tensor:
        """Generate. A seed's initial noise is the same for every strength."""
        x_T = self.noise(rows, "initial noise")  # noqa: N806
        e = Text.cat([self.text_at(row.edit, row.strength) for row in rows])
        return ddim(self.model, x_T, e, self.null, **self.sampling)

    def text_at(self, edit: HiPerEdit, strength: float) -> Text:
        """Return the embedding that is sampled at a strength."""
        end = edit.text.tokens[:, -self.tail :] if self.fade == "target" else torch.zeros_like(edit.hiper)
        return edit.text.with_tail((1 - strength) * edit.hiper + strength * end)


def _blocks(embedding: Mapping[str, Any], sampling: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    return (
        checked_block("recipe.hiper.embedding", embedding, steps=Natural, lr=Amount, draws=Count),
        checked_block("recipe.hiper.sampling", sampling, steps=Count, guidance=Amount),
    )


class HiPerEdit(BatchedEdit):
    """A fitted pair.

    Attributes:
        hiper: vectors of the fitted tokens, (1, n, D).
    """

    def __init__(self, editor: HiPer, pair: EditPair, hiper: Tensor) -> None:
        super().__init__(editor, pair)
        self.hiper = hiper
