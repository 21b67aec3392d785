"""DiffEdit's mask (Couairon et al., arXiv 2210.11427, section 3.2): the place where two texts predict different noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from imagic.errors import DivergedError
from imagic.models.base import TextToImage
from imagic.models.batched import BatchedEdit, BatchedEditor, Row, halving
from imagic.models.control import Moment
from imagic.models.lockstep import Step
from imagic.models.text import Text
from tedbench.pair import EditPair
from tedbench.settings import Count, OpenShare, Positive, checked_block

Reference = Literal["empty", "source"]
"""The text that the target text is compared with."""

DRAWS_AT_ONCE = 2
"""Noises for which both texts are predicted in one network call."""

ROUNDING = 1e-5
"""A map whose largest value is this small beside the predictions is the networks' rounding error."""


class Rule(NamedTuple):
    """The settings of a mask.

    Attributes:
        draws: number of noises that are averaged.
        level: of the noise, as a fraction of the diffusion time.
        clamp: larger values than this multiple of the map's mean are set to it.
        scale: "range" maps the smallest value to 0 and the largest to 1; "mean" divides by ``clamp`` times the mean.
        threshold: scaled values above it are edited.
    """

    draws: int
    level: float
    clamp: float
    scale: str
    threshold: float

    @classmethod
    def of(cls, name: str, settings: Mapping[str, Any]) -> Rule:
        """Check a recipe's block.

        Raises:
            UserError: a setting is missing, unknown or out of its range.
        """
        kinds = {"draws": Count, "level": OpenShare, "clamp": Positive, "scale": Literal["range", "mean"]}
        return cls(**checked_block(name, settings, **kinds, threshold=OpenShare))


class MaskedEdit(BatchedEdit):
    """A pair with its latents, whose mask is computed once for each seed.

    Attributes:
        x0: the input's latents, (1, C, h, w).
        reference: the text that the target text is compared with.
        masks: by seed, True where the image is edited, (1, 1, h, w) bool.
    """

    def __init__(self, editor: BatchedEditor, pair: EditPair, x0: Tensor, reference: Text) -> None:
        super().__init__(editor, pair)
        self.x0, self.reference = x0, reference
        self.masks: dict[int, Tensor] = {}

    def mask(self, model: TextToImage, rule: Rule, steps: int, seed: int) -> Tensor:
        """Return the mask for a seed, see :func:`difference_map` and :func:`binary`."""
        if seed not in self.masks:
            noise = torch.randn((rule.draws, *model.latent_shape), generator=self.rng("mask", seed))
            levels = model.process.schedule(steps)
            t = levels[steps - max(1, min(steps, int(rule.level * steps + 0.5)))]
            _, found = halving(
                DRAWS_AT_ONCE,
                lambda draws: difference_map(model, self.x0, self.text, self.reference, t, noise, at_once=draws),
            )
            self.masks[seed] = binary(found, rule)[None, None]
        return self.masks[seed]


@torch.no_grad()
def difference_map(
    model: TextToImage,
    x0: Tensor,
    text: Text,
    reference: Text,
    t: Tensor,
    noise: Tensor,
    *,
    at_once: int = DRAWS_AT_ONCE,
) -> Tensor:
    """Return |ε(x_t, e) − ε(x_t, e_ref)|, averaged over noises and channels: (h, w).

    No guidance: it would multiply both predictions, and their noise. Texts of equal embeddings give exactly 0.

    Args:
        model: predicts.
        x0: the input's latents, (1, C, h, w).
        text, reference: the two texts.
        t: the level of the noise, a scalar.
        noise: (draws, C, h, w).
        at_once: noises for which both texts are predicted in one network call.

    Raises:
        DivergedError: a prediction is not finite.
    """
    total, largest = torch.zeros(x0.shape[-2:], device=model.device), torch.zeros((), device=model.device)
    if all(torch.equal(a, b) for a, b in zip(text.parameters(), reference.parameters(), strict=True)):
        return total
    for chunk in noise.to(model.device).split(at_once):
        count = len(chunk)
        x_t = model.process.mix(x0.to(model.device), chunk, t).repeat(2, 1, 1, 1)
        model.announce(Moment(0, 1, {(0, "text"): slice(0, count), (0, "text 1"): slice(count, 2 * count)}))
        out = model.predict(x_t, t.repeat(2 * count), Text.cat([text.expand(count), reference.expand(count)]))
        eps = model.process.eps_of(out, x_t, t)
        one, two = eps.chunk(2)
        total = total + (one - two).abs().mean(1).sum(0)
        largest = torch.maximum(largest, eps.abs().max())
    found = total / len(noise)
    if not found.isfinite().all():
        raise DivergedError("the mask's predictions are not finite")
    return found if found.max() > ROUNDING * largest else torch.zeros_like(found)


def binary(found: Tensor, rule: Rule) -> Tensor:
    """Return where a map of differences is large: (h, w) to (h, w) bool. A constant map gives False everywhere."""
    if found.max() - found.min() <= ROUNDING * found.max():
        return torch.zeros_like(found, dtype=torch.bool)
    most = rule.clamp * found.mean()
    cut = found.clamp(max=most)
    low, high = (cut.min(), cut.max()) if rule.scale == "range" else (torch.zeros_like(most), most)
    if high - low <= ROUNDING * high:
        return torch.zeros_like(found, dtype=torch.bool)
    return (cut - low) / (high - low) > rule.threshold


def masks(model: TextToImage, rows: Sequence[Row], rule: Rule, steps: int) -> Tensor:
    """Return the mask of each row: (B, 1, h, w) bool."""
    return torch.cat([row.edit.mask(model, rule, steps, row.seed) for row in rows])


def outside(mask: Tensor, kept: Callable[[int], Tensor]) -> Callable[[Step], None]:
    """Return a callback that keeps the first branch outside a mask.

    Args:
        mask: True where the branch is free, (B, 1, h, w).
        kept: returns (B, C, h, w) for the number of a level of the schedule, which takes the branch's place elsewhere.
            Level i + 1 is the one that step i leads to.
    """

    def keep(step: Step) -> None:
        step.x[0] = torch.where(mask, step.x[0], kept(step.index + 1))

    return keep


def in_turn(*callbacks: Callable[[Step], None]) -> Callable[[Step], None]:
    """Return a callback that calls several one after another."""

    def call(step: Step) -> None:
        for callback in callbacks:
            callback(step)

    return call
