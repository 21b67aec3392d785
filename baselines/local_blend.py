"""Prompt-to-Prompt's local blend (Hertz et al., arXiv 2208.01626, section 3.2): changes only where chosen words attend."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from baselines.branches import SOURCE, TARGET, are_predicted
from imagic.models.attention import AttentionControl, tokens_as_image
from imagic.models.control import Layer
from imagic.models.lockstep import Step
from tedbench.errors import UserError

Words = Sequence[Sequence[int]]
"""Tokens of the words by the number of the branch: in the target text, and in the source text."""


class LocalBlend(AttentionControl):
    """Sums the maps of words over layers and steps, and takes the source branch's x wherever they are small.

    It is a control for the maps and the sampler's callback for the images. Entered after another control, it reads the
    maps that this has changed.
    """

    def __init__(self, words: Sequence[Words], factor: int, threshold: float = 0.3, begin: float = 0.2) -> None:
        """
        Args:
            words: of each of the B pairs.
            factor: of the layers whose maps are used: side of the latents divided by that of the maps, in the code 4.
            threshold: part of an image's largest value from which on a position is changed, in the code 0.3.
            begin: part of the steps after which images are blended, in the code 0.2.
        """
        self._words, self._factor, self._threshold, self._begin = words, factor, threshold, begin
        self._sums: dict[int, Tensor] = {}

    def wants(self, layer: Layer) -> bool:
        return layer.kind == "cross" and layer.factor == self._factor

    def probabilities(self, layer: Layer, p: Tensor) -> Tensor:
        if not are_predicted(self):
            return p
        side = round(p.shape[2] ** 0.5)
        for branch in (SOURCE, TARGET):
            maps = tokens_as_image(p[self.rows(branch)], side, side)
            chosen = [row[list(words[branch])].sum(0) for row, words in zip(maps, self._words, strict=True)]
            self._sums[branch] = self._sums.get(branch, 0) + torch.stack(chosen)
        return p

    def __call__(self, step: Step) -> None:
        """Blend the branches' images after a step.

        Raises:
            UserError: the network attends to no text at layers of this factor.
        """
        if not self._sums:
            raise UserError(
                f"The network has no attention to the text at a {self._factor}th of the latents' size. "
                "Give another recipe.p2p.control.blend_factor, a power of 2."
            )
        if self.moment is None or step.index < int(self._begin * self.moment.steps):
            return
        source, target = step.x[SOURCE], step.x[TARGET]
        masks = [self._mask(self._sums[branch], source) for branch in (SOURCE, TARGET)]
        mask = torch.maximum(*masks).to(target.dtype)
        step.x[TARGET] = source + mask * (target - source)

    def _mask(self, maps: Tensor, like: Tensor) -> Tensor:
        """Return where the words' maps are large: (B, side, side) to (B, 1, h, w) bool."""
        spread = F.max_pool2d(maps[:, None], 3, 1, 1)
        large = F.interpolate(spread, size=like.shape[2:], mode="nearest")
        most = large.flatten(1).amax(1).clamp(min=torch.finfo(large.dtype).tiny).reshape(-1, 1, 1, 1)
        return large / most > self._threshold
