"""The edit layer and its compositions (Text2LIVE, section 3.1)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

GREEN = (0 / 255, 177 / 255, 64 / 255)
"""The background of a layer that is judged alone: chroma key green."""


class EditLayer(NamedTuple):
    """Colours and opacity of an image's edit.

    Attributes:
        rgb: (B, 3, H, W) float32 in [0, 1].
        alpha: (B, 1, H, W) float32 in [0, 1].
    """

    rgb: Tensor
    alpha: Tensor

    @classmethod
    def of(cls, rgba: Tensor) -> EditLayer:
        """Split a generator's output, (B, 4, H, W)."""
        return cls(rgba[:, :3], rgba[:, 3:])

    def over(self, background: Tensor, opacity: float = 1.0) -> Tensor:
        """Return α · layer + (1 − α) · background, with α scaled by ``opacity``; at 0 the background, bit by bit."""
        if opacity == 0:
            return background
        alpha = opacity * self.alpha
        return alpha * self.rgb + (1 - alpha) * background

    def over_green(self) -> Tensor:
        """Return the layer alone, over a green screen."""
        green = torch.tensor(GREEN, device=self.rgb.device)[:, None, None]
        return self.over(green.expand_as(self.rgb))
