"""Slightly degraded images, which the judge must read, and broken images, which it must reject."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

BLUR_WORN, BLUR_BROKEN = 0.7, 1.5
"""Standard deviations of the blur in pixels: up to the first an image is valid, from the second on it is broken."""


def _uniform(rng: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    return low + (high - low) * torch.rand(*shape, generator=rng)


def blurred(x: Tensor, sigma: Tensor) -> Tensor:
    """Blur each of (B, 3, H, W) by its own ``sigma`` (B,) in pixels."""
    at = torch.arange(-6.0, 7.0)
    kernel = torch.exp(-0.5 * (at / sigma.clamp(min=1e-3)[:, None]) ** 2)
    kernel = kernel / kernel.sum(1, keepdim=True)
    b, c, h, w = x.shape
    flat = F.pad(x, (6, 6, 6, 6), mode="reflect").reshape(1, b * c, h + 12, w + 12)
    kernel = kernel.repeat_interleave(c, 0)
    flat = F.conv2d(flat, kernel[:, None, None, :], groups=b * c)
    return F.conv2d(flat, kernel[:, None, :, None], groups=b * c).reshape(b, c, h, w)


def worn(x: Tensor, rng: torch.Generator) -> Tensor:
    """Degrade images like a good model would: some are mirrored, shifted, blurred, noisy, of slightly other light."""
    b = len(x)
    x = torch.where(torch.rand(b, 1, 1, 1, generator=rng) < 0.5, x.flip(3), x)
    dx, dy = torch.randint(-2, 3, (2,), generator=rng).tolist()
    x = F.pad(x, (2, 2, 2, 2), mode="replicate")[..., 2 + dy : 66 + dy, 2 + dx : 66 + dx]
    soft = blurred(x, _uniform(rng, 0.0, BLUR_WORN, b))
    x = torch.where(torch.rand(b, 1, 1, 1, generator=rng) < 0.6, soft, x)
    noise = torch.randn(x.shape, generator=rng) * _uniform(rng, 0.0, 0.05, b, 1, 1, 1)
    light = _uniform(rng, 0.92, 1.08, b, 3, 1, 1)
    return ((x + 1) * light - 1 + noise + _uniform(rng, -0.05, 0.05, b, 1, 1, 1)).clamp(-1, 1)


def broken(x: Tensor, others: Tensor, rng: torch.Generator) -> Tensor:
    """Break each of (B, 3, 64, 64) in one of six ways, some with the help of ``others``."""
    b = len(x)
    ways = [
        blurred(x, _uniform(rng, BLUR_BROKEN, 3.5, b)),
        torch.lerp(x, others, _uniform(rng, 0.35, 0.65, b, 1, 1, 1)),
        x + torch.randn(x.shape, generator=rng) * _uniform(rng, 0.18, 0.5, b, 1, 1, 1),
        _shuffled(x, rng),
        _warped(x, rng),
        _patched(x, others, rng),
    ]
    which = torch.randint(len(ways), (b,), generator=rng)
    return torch.stack(ways)[which, torch.arange(b)].clamp(-1, 1)


def _shuffled(x: Tensor, rng: torch.Generator, tile: int = 16) -> Tensor:
    tiles = F.unfold(x, tile, stride=tile)
    order = torch.randperm(tiles.shape[-1], generator=rng)
    return F.fold(tiles[..., order], x.shape[-2:], tile, stride=tile)


def _warped(x: Tensor, rng: torch.Generator) -> Tensor:
    b = len(x)
    shift = torch.randn(b, 2, 7, 7, generator=rng) * _uniform(rng, 0.12, 0.25, b, 1, 1, 1)
    shift = F.interpolate(shift, x.shape[-2:], mode="bicubic", align_corners=True).permute(0, 2, 3, 1)
    still = F.affine_grid(torch.eye(2, 3).expand(b, 2, 3), list(x.shape), align_corners=False)
    return F.grid_sample(x, still + shift, padding_mode="reflection", align_corners=False)


def _patched(x: Tensor, others: Tensor, rng: torch.Generator) -> Tensor:
    """Paste rectangles of another image over the middle."""
    out = x.clone()
    for i in range(len(x)):
        for _ in range(3):
            h, w = torch.randint(12, 26, (2,), generator=rng).tolist()
            top, left = torch.randint(8, 30, (2,), generator=rng).tolist()
            out[i, :, top : top + h, left : left + w] = others[i, :, -h - 2 : -2, 2 : w + 2].flip(1)
    return out
