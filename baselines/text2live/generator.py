"""The network that generates the edit layer: a U-Net with thin skips, 3 → 4 channels, built like the authors' code."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LUCID_COLOURS = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))
"""Square root of the colours' covariance over natural images, as published with Lucid: rows are R, G, B."""

BRIGHTNESS_SCALE = 1.6
"""Divisor of the first (brightness) column, so that colours come out more saturated."""


class Generator(nn.Module):
    """The edit layer of an image: (B, 3, H, W) in [0, 1] to (B, 4, H, W) in [0, 1], RGB and opacity α.

    Accepts any size above 2^scales. Normalisation always uses the statistics of the current batch, like the authors'
    rendering (their BatchNorm stays in train mode), and keeps none, so no image depends on another.
    """

    def __init__(self, scales: int = 7, width: int = 128, skip: int = 4) -> None:
        """
        Args:
            scales: number of times the image is halved.
            width: channels of every scale.
            skip: channels of every skip connection.
        """
        super().__init__()
        deeper: _Scale | None = None
        for scale in reversed(range(scales)):
            deeper = _Scale(3 if scale == 0 else width, width, skip, deeper, outermost=scale == 0)
        assert deeper is not None
        self.body, self.to_rgba = deeper, nn.Conv2d(width, 4, 1)
        self.register_buffer("colours", decorrelated_colours(), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        colour, alpha = self.to_rgba(self.body(image)).split((3, 1), dim=1)
        rgb = torch.einsum("dc,nchw->ndhw", self.colours, colour)
        return torch.cat([rgb, alpha], dim=1).sigmoid()


def decorrelated_colours() -> Tensor:
    """Return the fixed matrix from decorrelated channels to RGB logits, (3, 3); its longest column has length 1."""
    columns = torch.tensor(LUCID_COLOURS) / torch.tensor([BRIGHTNESS_SCALE, 1.0, 1.0])
    return columns / columns.norm(dim=0).max()


def least_size(scales: int) -> int:
    """Return the smallest side that a generator with ``scales`` scales can take: its deepest scale must be 2×2."""
    return 2**scales + 1


class _Scale(nn.Module):
    """Halve, run the deeper scales, double, and join with the skip."""

    def __init__(self, channels: int, width: int, skip: int, deeper: _Scale | None, *, outermost: bool) -> None:
        super().__init__()
        self.skip = _convolution(channels, skip, 1)
        self.down = nn.Sequential(_convolution(channels, width, 3, stride=2), _convolution(width, width, 3))
        self.deeper = deeper or nn.Identity()
        self.join = nn.Sequential(
            _norm(skip + width),
            _convolution(skip + width, width, 3),
            _convolution(width, width, 1, norm=not outermost),
        )

    def forward(self, x: Tensor) -> Tensor:
        low = self.deeper(self.down(x))
        high = F.interpolate(low, scale_factor=2, mode="bilinear", align_corners=False)
        h, w = x.shape[-2:]
        return self.join(torch.cat([self.skip(x), high[..., :h, :w]], dim=1))  # an odd side comes back one longer


def _convolution(channels: int, width: int, kernel: int, *, stride: int = 1, norm: bool = True) -> nn.Sequential:
    layers = [nn.Conv2d(channels, width, kernel, stride, padding=kernel // 2, padding_mode="reflect")]
    return nn.Sequential(*layers, *([_norm(width)] if norm else []), nn.LeakyReLU(0.2))


def _norm(channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels, track_running_stats=False)
