"""Dead leaves: opaque shapes over one another, with the statistics of natural images.

Shapes whose sizes follow a power law, each with a texture of a 1/f spectrum, have the edges, occlusions and spectra
of photographs without being any (Lee, Mumford and Huang, "Occlusion models for natural images", 2001; Baradad et al.,
"Learning to see by looking at noise", arXiv 2106.05963). An autoencoder trained on them reconstructs photographs
better.
"""

from __future__ import annotations

import math
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch
from PIL import Image, ImageDraw

from picturebook.world import SIZE

_FINE = 2


def _texture(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draw (n, n, 3) in about [0, 255]: a colour with 1/f noise, the channels correlated as in photographs."""
    frequency = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)[None])
    frequency[0, 0] = 1
    spectrum = rng.standard_normal((4, n, n // 2 + 1)) + 1j * rng.standard_normal((4, n, n // 2 + 1))
    noise = np.fft.irfft2(spectrum / frequency ** rng.uniform(0.8, 1.8), s=(n, n))
    noise /= noise.std(axis=(1, 2), keepdims=True)
    mixed = 0.9 * noise[:1] + 0.3 * noise[1:]
    color = rng.uniform(20, 235, 3) * 0.6 + rng.uniform(20, 235) * 0.4
    return color + rng.uniform(4, 40) * mixed.transpose(1, 2, 0)


def dead_leaves(seed: int, size: int = SIZE) -> np.ndarray:
    """Draw one image, (size, size, 3) uint8."""
    rng = np.random.default_rng(seed)
    n = size * _FINE
    canvas = _texture(rng, n)
    for _ in range(int(rng.integers(6, 40))):
        r = n * 0.04 * (1 - rng.random()) ** -0.6
        x, y = rng.uniform(0, n, 2)
        turns = np.sort(rng.uniform(0, math.tau, int(rng.integers(3, 9))))
        mask = Image.new("L", (n, n), 0)
        if rng.random() < 0.5:
            ImageDraw.Draw(mask).ellipse((x - r, y - r, x + r, y + r * rng.uniform(-0.2, 1)), fill=255)
        else:
            ImageDraw.Draw(mask).polygon([(x + r * math.cos(a), y + r * math.sin(a)) for a in turns], fill=255)
        part = np.asarray(mask, np.float32)[..., None] / 255
        canvas = canvas * (1 - part) + _texture(rng, n) * part
    picture = Image.fromarray(canvas.clip(0, 255).astype(np.uint8))
    return np.array(picture.resize((size, size), Image.Resampling.BOX))


def leaf_pictures(count: int, first: int = 0) -> torch.Tensor:
    """Draw (count, 3, 64, 64) uint8 on all cores."""
    with ProcessPoolExecutor() as pool:
        pictures = np.stack(list(pool.map(dead_leaves, range(first, first + count), chunksize=64)))
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous()
