"""Texts as a model reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from imagic.models.choices import Parts


@dataclass(frozen=True)
class Text:
    """Embeddings of B texts, as a model's network is conditioned on them.

    Attributes:
        tokens: one vector for each token, (B, L, D) float32.
        pooled: one vector for the whole text, (B, P) float32; None for a network that takes none.
        mask: True at the tokens that the network attends to, (B, L); None if it attends to all.
        written: the texts; empty if the embeddings are none of any text, such as a mixture.
        guidance: what a network is told that takes the guidance as an input, (B,) float32; None is no guidance, 1.
        image: latents that a network reads beside the noisy ones, (B, C, h, w); None for a network that reads none.
    """

    tokens: Tensor
    pooled: Tensor | None = None
    mask: Tensor | None = None
    written: tuple[str, ...] = ()
    guidance: Tensor | None = None
    image: Tensor | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, rows: slice | Sequence[int]) -> Text:
        """Return some of the texts."""
        index = rows if isinstance(rows, slice) else list(rows)
        chosen = range(len(self))[index] if isinstance(index, slice) else index
        found = self._map(lambda part: part[index])
        return replace(found, written=tuple(self.written[i] for i in chosen) if self.written else ())

    def parameters(self, parts: Parts = "all") -> list[Tensor]:
        """Return what can be optimised: the tokens' vectors, and the pooled ones if there are any.

        Args:
            parts: ``tokens`` or ``pooled`` for these alone.
        """
        tokens = [self.tokens] if parts != "pooled" else []
        return [*tokens, self.pooled] if self.pooled is not None and parts != "tokens" else tokens

    def with_parameters(self, parameters: Sequence[Tensor]) -> Text:
        """Return the text with other embeddings, in the order of :meth:`parameters`."""
        tokens, *pooled = parameters
        return Text(tokens, pooled[0] if pooled else None, self.mask, guidance=self.guidance, image=self.image)

    def guided(self, weight: float | Tensor) -> Text:
        """Return the texts with a guidance that the network is told, one for all or (B,)."""
        return replace(self, guidance=torch.as_tensor(weight).to(self.tokens).expand(len(self)))

    def clone(self) -> Text:
        """Return a copy that shares no memory, without gradients."""
        return self._map(lambda part: part.detach().clone())

    def to(self, device: torch.device | str) -> Text:
        """Return the text on a device."""
        return self._map(lambda part: part.to(device))

    def expand(self, count: int) -> Text:
        """Return one text ``count`` times, without copying it; ``count`` texts stay as they are."""
        if len(self) == count:
            return self
        found = self._map(lambda part: part.expand(count, *part.shape[1:]))
        return replace(found, written=self.written * count)

    def repeat_each(self, count: int) -> Text:
        """Return every text ``count`` times in a row."""
        found = self._map(lambda part: part.repeat_interleave(count, 0))
        return replace(found, written=tuple(text for text in self.written for _ in range(count)))

    def lerp(self, other: Text, weight: float) -> Text:
        """Return weight · other + (1 − weight) · self; a weight beyond 1 extrapolates.

        Tokens that either of both attends to are attended to.
        """
        return self.combine(other, lambda a, b: weight * b + (1 - weight) * a)

    def combine(self, other: Text, change: Callable[[Tensor, Tensor], Tensor]) -> Text:
        """Return the text whose embeddings are a function of both texts' vectors.

        Tokens that either of both attends to are attended to.

        Args:
            other: as many texts.
            change: called with this text's vectors and the other's: (B, L, D), and (B, P) for pooled ones.
        """
        mask = self.mask if self.mask is None or other.mask is None else self.mask | other.mask
        pairs = zip(self.parameters(), other.parameters(), strict=True)
        return replace(self.with_parameters([change(a, b) for a, b in pairs]), mask=mask)

    def with_tail(self, tail: Tensor) -> Text:
        """Return the texts with other vectors for their last tokens, (B, n, D), which are all attended to."""
        kept = self.tokens.shape[1] - tail.shape[1]
        mask = None
        if self.mask is not None:
            mask = self.mask.clone()
            mask[:, kept:] = True
        return replace(self, tokens=torch.cat([self.tokens[:, :kept], tail], 1), mask=mask, written=())

    def where(self, choice: Tensor, other: Text) -> Text:
        """Return this text where ``choice``, (B,) bool, is True, and ``other`` elsewhere."""
        count = len(choice)
        both = zip(self._parts(count), other._parts(count), strict=True)
        chosen = [torch.where(choice.reshape(-1, *[1] * (a.dim() - 1)).to(a.device), a, b) for a, b in both]
        return self._of(chosen)

    @staticmethod
    def cat(texts: Sequence[Text]) -> Text:
        """Return the texts of all, one after another."""
        first = texts[0]
        written = tuple(text for each in texts for text in each.written)
        parts = [torch.cat(part) for part in zip(*(each._parts() for each in texts), strict=True)]
        return replace(first._of(parts), written=written if all(each.written for each in texts) else ())

    def split(self) -> list[Text]:
        """Return each text by itself."""
        return [self[i : i + 1] for i in range(len(self))]

    def _fields(self) -> tuple[Tensor | None, ...]:
        return self.tokens, self.pooled, self.mask, self.guidance, self.image

    def _parts(self, count: int | None = None) -> list[Tensor]:
        parts = [part for part in self._fields() if part is not None]
        return parts if count is None else [part.expand(count, *part.shape[1:]) for part in parts]

    def _of(self, parts: Sequence[Tensor]) -> Text:
        """Return a text of other parts, of the same kinds as this one's."""
        left = list(parts[1:])
        every = [left.pop(0) if part is not None else None for part in self._fields()[1:]]
        return Text(parts[0], every[0], every[1], guidance=every[2], image=every[3])

    def _map(self, change: Callable[[Tensor], Tensor]) -> Text:
        return replace(self._of([change(part) for part in self._parts()]), written=self.written)
