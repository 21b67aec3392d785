"""Prompt-to-Prompt's control: the source branch's attention in the target branch (Hertz et al., arXiv 2208.01626)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from baselines.branches import SOURCE, TARGET, are_predicted, in_first
from imagic.models.attention import AttentionControl, attention_layers
from imagic.models.base import TextToImage
from imagic.models.batched import Row
from imagic.models.control import Layer
from imagic.models.words import Alignment, Spans, align, align_words
from tedbench.errors import UserError

Kind = Literal["refine", "replace"]
"""Choice of the tokens that take the source's maps, see :class:`PromptControl`."""


class PromptControl(AttentionControl):
    """Gives the target branch's text rows the source branch's attention maps in the first part of the steps.

    *Refine* (the paper's "adding a new phrase"): a token that both texts have takes the source's map, others keep their
    own. *Replace* ("word swap"): each word takes the map of the word in its place. Self-attention maps
    are taken as they are. The rows of the empty text are left alone.
    """

    def __init__(
        self,
        alignment: Alignment,
        cross: Tensor | float,
        own: Tensor | float,
        *,
        replace: Sequence[bool] = (False,),
        weights: Tensor | None = None,
        least_factor: int = 1,
        begin: Sequence[int] = (0,),
    ) -> None:
        """
        Args:
            alignment: of the B pairs' texts, stacked: (B, L, L) and (B, L).
            cross, own: the part of the steps, 0 to 1, with the source's cross- and self-attention: (B,) or one number.
            replace: for each image True for *replace*, False for *refine*.
            weights: factors of the target's tokens, (B, L), which their maps are multiplied with while the source's are
                taken; rows do not sum to 1 then. None for none.
            begin: for each image the number of its first step, from which its part of all steps is counted.
            least_factor: only self-attention of layers whose features are smaller than the latents by this factor or
                more is replaced.
        """
        self._weights, self._same = alignment
        self._cross, self._own = torch.as_tensor(cross), torch.as_tensor(own)
        self._chosen = torch.where(torch.tensor(replace)[:, None], self._weights.sum(-1) > 0, self._same)
        self._factors, self._least, self._begin = weights, least_factor, torch.tensor(begin)

    def wants(self, layer: Layer) -> bool:
        return layer.kind == "cross" or layer.factor >= self._least

    def probabilities(self, layer: Layer, p: Tensor) -> Tensor:
        if not are_predicted(self):
            return p
        source, target = p[self.rows(SOURCE)], p[self.rows(TARGET)]
        on = in_first(self._cross if layer.kind == "cross" else self._own, self, self._begin).to(p.device)
        if not on.any():
            return p
        if layer.kind == "cross":
            mapped = source @ self._weights.to(p).transpose(1, 2)[:, None]
            source = torch.where(self._chosen.to(p.device)[:, None, None], mapped, target)
            if self._factors is not None:
                source = source * self._factors.to(p)[:, None, None]
        p[self.rows(TARGET)] = torch.where(on, source, target)
        return p


def alignments(model: TextToImage, rows: Sequence[Row], replace: Sequence[bool]) -> Alignment:
    """Return the alignments of the rows' source and target texts, stacked: of *replace* word by word."""
    found = [
        _aligned(model, row, align_words if by_word else align) for row, by_word in zip(rows, replace, strict=True)
    ]
    return Alignment(*(torch.stack(parts) for parts in zip(*found, strict=True)))


def equal_words(before: str, after: str) -> bool:
    """Return True if two texts have as many words, which *replace* asks for."""
    return len(before.split()) == len(after.split())


def require_own_layers(model: TextToImage, control: Mapping[str, Any]) -> None:
    """Raise UserError if self-attention is to be replaced (``own``) in layers (``least_factor``) that a model lacks."""
    least = control["least_factor"]
    if control["own"] and not any(
        layer.kind == "self" and layer.factor >= least for layer in attention_layers(model.network)
    ):
        raise UserError(
            f"{model.name} has no self-attention with features of 1/{least} of the latents' side or less. Give a smaller "
            "control.least_factor, or control.own=0."
        )


def _aligned(model: TextToImage, row: Row, by: Callable[[str, Spans, str, Spans], Alignment]) -> Alignment:
    before, after = row.edit.source.written[0], row.edit.text.written[0]
    return by(before, model.spans(before), after, model.spans(after))
