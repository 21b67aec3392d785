"""DDIB (Su et al., arXiv 2203.08382): the image's noise under the source text, decoded under the target text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from imagic.models.base import TextToImage
from imagic.models.edit import BatchedEdit
from imagic.models.sampling import ddim, invert
from tedbench.method import Axis, Description, Editor, Progress, Randomness, silent
from tedbench.pair import EditPair
from tedbench.settings import Count, checked_block


class DDIB(Editor):
    """DDIB; its strength is the decoder's guidance. It draws no random numbers.

    Two deterministic DDIM passes over the same timesteps: from the input to x_T under the *source* text at guidance 1,
    and from x_T to an image under the *target* text. With one text for both, guidance 1 returns the input, up to the
    error of the steps.
    """

    randomness: ClassVar[Randomness] = "none"
    needs: tuple[str, ...] = ("source_text",)
    axis = Axis("guidance", "guidance", (1.0, 2.0, 3.0, 4.0, 5.0), least=0.0)

    def __init__(
        self, model: TextToImage, *, sampling: Mapping[str, Any], seed: int = 0, sample_batch: int = 16
    ) -> None:
        """
        Args:
            model: any text-to-image model of :mod:`imagic.models`; it stays as pretrained.
            sampling: ``steps`` of DDIM, each way.
            seed: of the whole run; only a cascade's upscalers draw anything.
            sample_batch: how many images are generated at a time; the last batch is filled up.
        """
        self.model, self.sample_batch, self.image_size, self.seed = model, sample_batch, model.image_size, seed
        self.steps = _steps(sampling)
        model.process.schedule(self.steps)  # raises for too many

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        _steps(**settings)
        return super().describe(settings)

    def fit(self, pair: EditPair, progress: Progress = silent) -> DDIBEdit:
        """Invert the input with DDIM under the source text.

        Raises:
            PairError: the pair has no source text.
            UserError: it has another size than the model.
        """
        self.require(pair.entry)
        self.model.require_size(pair)
        return DDIBEdit(self, pair, progress)


def _steps(sampling: Mapping[str, Any]) -> int:
    steps: int = checked_block("DDIB's sampling", sampling, steps=Count)["steps"]
    return steps


class DDIBEdit(BatchedEdit):
    """A pair's x_T, and the embedding of its target text."""

    def __init__(self, editor: DDIB, pair: EditPair, progress: Progress) -> None:
        self._steps, model = editor.steps, editor.model
        tell = lambda step: progress("inversion", step, self._steps)
        e_src = model.encode_text([pair.source_text or ""])
        self.e_tgt, self.e_null = model.encode_text([pair.target_text]), model.encode_text([""])
        super().__init__(model, pair, self.e_tgt, editor.seed, editor.sample_batch)
        self.x_T = invert(model, model.encode_image(pair.image), e_src, steps=self._steps, progress=tell)[-1]

    def make(self, requests: Sequence[tuple[float, int]]) -> Tensor:
        """Decode x_T at each guidance. The seed has no effect."""
        x_T = self.x_T.expand(len(requests), -1, -1, -1)  # noqa: N806
        guidance = torch.tensor([w for w, _ in requests])
        return ddim(
            self.model, x_T, self.e_tgt.expand(len(requests)), self.e_null, steps=self._steps, guidance=guidance
        )
