"""LEDITS++'s masks of a concept, from attention and from predictions (Brack et al., arXiv 2311.16711, section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from imagic.models.attention import AttentionControl, tokens_as_image
from imagic.models.control import Layer
from tedbench.errors import UserError

BLUR = torch.tensor([0.21194, 0.57612, 0.21194])
"""The kernel that smooths attention maps: exp(−(x / 2σ)²) with σ = 0.5 on three positions, as in the authors' code, where a
Gaussian has x² / 2σ²."""


class ConceptMasks(AttentionControl):
    """Masks guidance towards concepts; :meth:`change` is a branch's, and inside a ``with`` block it reads attention.

    M¹ is 1 at the positions that a concept's words attend to most, M² at those where the concept's difference from the
    empty text's prediction is largest, summed over the channels. Either covers 1 − quantile of the positions.
    """

    def __init__(
        self,
        tokens: Sequence[Sequence[Sequence[int]]],
        steps: int,
        *,
        kind: str,
        quantile: float,
        factor: int,
        both_from: float,
    ) -> None:
        """
        Args:
            tokens: for each concept and each of the B images the positions of its words.
            steps: of the sampling.
            kind: "attention" is M¹, "difference" M², "both" their product, "none" 1 everywhere.
            quantile: see the class.
            factor: of the layers whose maps are used: side of the latents divided by that of the maps, in the code 4.
            both_from: with "both", part of the steps after which M² is used besides M¹, in the authors' code 0, in diffusers' t ≤ 800.
        """
        self._tokens, self._steps = tokens, steps
        self._kind, self._quantile, self._factor, self._both_from = kind, quantile, factor, both_from
        self._maps: dict[str, list[Tensor]] = {}
        self._at = -1

    @property
    def reads_attention(self) -> bool:
        """True if the masks need attention maps."""
        return self._kind in ("attention", "both")

    def wants(self, layer: Layer) -> bool:
        return layer.kind == "cross" and layer.place != "mid" and layer.factor == self._factor

    def probabilities(self, layer: Layer, p: Tensor) -> Tensor:
        if self.moment is None:
            return p
        if self._at != self.moment.step:
            self._maps, self._at = {}, self.moment.step
        side = round(p.shape[2] ** 0.5)
        for role in (role for _, role in self.moment.rows if role != "null"):
            maps = tokens_as_image(p[self.rows(0, role)], side, side)
            words = self._tokens[_number(role)]
            found = [image[list(chosen)].sum(0) for image, chosen in zip(maps, words, strict=True)]
            self._maps.setdefault(role, []).append(torch.stack(found))
        return p

    def change(self, step: int, role: str, difference: Tensor) -> Tensor:
        """Return the difference inside the mask, and 0 outside: (B, C, h, w)."""
        if self._kind == "none":
            return difference
        mask = torch.ones_like(difference[:, :1])
        if self.reads_attention:
            mask = self._attended(role, difference)
        if self._kind == "difference" or (self._kind == "both" and step >= self._both_from * self._steps):
            mask = mask * _largest(difference.abs().sum(1, keepdim=True), self._quantile)
        return difference * mask

    def _attended(self, role: str, like: Tensor) -> Tensor:
        """Return M¹ of a concept, (B, 1, h, w)."""
        if role not in self._maps:
            raise UserError(
                f"The network has no attention to the text at 1/{self._factor} of the latents' size. "
                "Give another recipe.leditspp.mask.factor, a power of 2."
            )
        maps = torch.stack(self._maps[role]).mean(0)[:, None]
        kernel = (BLUR[:, None] * BLUR).to(maps)[None, None]
        smooth = F.conv2d(F.pad(maps, (1, 1, 1, 1), mode="reflect"), kernel)
        large = F.interpolate(smooth, size=like.shape[2:], mode="nearest")
        return _largest(large, self._quantile).to(like.dtype)


def _largest(values: Tensor, quantile: float) -> Tensor:
    """Return 1 where a value is at or above the quantile of its image, and 0 elsewhere: (B, 1, h, w)."""
    least = values.float().flatten(1).quantile(quantile, dim=1).reshape(-1, 1, 1, 1)
    return (values >= least).to(values.dtype)


def _number(role: str) -> int:
    """Return the number of a concept: "text" is 0, "text 1" is 1."""
    return int(role.partition(" ")[2] or 0)
