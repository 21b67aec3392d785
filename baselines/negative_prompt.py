"""Negative-prompt inversion (Miyake et al., arXiv 2305.16807), with ProxEdit's threshold (Han et al., arXiv 2306.05414)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from baselines.branches import sources
from baselines.inversion import InversionEditor, SourceEdit, paths
from imagic.models.base import TextToImage
from imagic.models.batched import Row, texts
from imagic.models.lockstep import Branch, sample_branches
from tedbench.method import Axis, Description
from tedbench.pair import EditPair
from tedbench.settings import Count, Share, checked_block

Threshold = Literal["none", "soft", "hard"]


class NegativePrompt(InversionEditor):
    """Negative-prompt inversion: the source text takes the empty text's place; its strength is the guidance.

    ε = ε_s + w (ε_t − ε_s). At w = 0 the source text alone is left, which reconstructs the input up to the error of
    DDIM's inversion, whatever the target text; w = 1 is DDIB.
    """

    needs: tuple[str, ...] = ("source_text",)
    axis = Axis("guidance", "guidance", (0.0, 1.0, 2.0, 3.0, 5.0, 7.5), least=0.0)
    cost: ClassVar[str] = "N + 2N"

    def __init__(
        self,
        model: TextToImage,
        *,
        sampling: Mapping[str, Any],
        proximal: Mapping[str, Any],
        seed: int = 0,
        sample_batch: int = 16,
        fit_batch: int = 1,
    ) -> None:
        """
        Args:
            model, seed, sample_batch, fit_batch: see :class:`~baselines.inversion.InversionEditor`.
            sampling: ``steps`` of DDIM, each way.
            proximal: ProxEdit's ``threshold`` on ε_t − ε_s: "none" (Miyake et al.), "hard" sets what is below to 0, "soft"
                shrinks the rest by it too (the code's "l0"); ``quantile`` of |ε_t − ε_s| in each image that it lies at.
        """
        sampling, self.proximal = _checked(sampling, proximal)
        super().__init__(model, steps=sampling["steps"], seed=seed, sample_batch=sample_batch, fit_batch=fit_batch)

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        _checked(**settings)
        return super().describe(settings)

    def open(self, pair: EditPair, path: list[Tensor]) -> SourceEdit:
        return SourceEdit(self, pair, path[:1])

    def make(self, rows: Sequence[Row]) -> Tensor:
        """Decode x_T at each guidance."""
        branch = Branch(
            texts(rows),
            torch.tensor([row.strength for row in rows]),
            sources(rows),
            change=None if self.proximal["threshold"] == "none" else proximal(**self.proximal),
        )
        return sample_branches(self.model, paths(rows), [branch], steps=self.steps)[0]


def proximal(threshold: Threshold, quantile: float) -> Callable[[int, str, Tensor], Tensor]:
    """Return ProxEdit's change of a difference of predictions (arXiv 2306.05414, equation 6).

    Args:
        threshold: "hard" or "soft".
        quantile: of the absolute values in an image.
    """

    def change(step: int, role: str, difference: Tensor) -> Tensor:
        size = difference.abs()
        least = size.flatten(1).quantile(quantile, dim=1).reshape(-1, 1, 1, 1)
        if threshold == "hard":
            return torch.where(size >= least, difference, 0.0)
        return difference.sign() * (size - least).clamp(min=0)

    return change


def _checked(sampling: Mapping[str, Any], proximal: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    return (
        checked_block("recipe.negative_prompt.sampling", sampling, steps=Count),
        checked_block("method.proximal", proximal, threshold=Threshold, quantile=Share),
    )
