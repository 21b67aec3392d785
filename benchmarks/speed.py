"""``python -m benchmarks.speed``: gains of batches and caches in scoring, as ratios against the plain way.

1. LPIPS with the input's features computed once, against the package's forward image by image.
2. CLIP score with the text's features computed once and images in batches, against image by image.

With the embedded networks; :mod:`benchmarks.scoring` has networks of real size, :mod:`benchmarks.imagic` Imagic itself.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from eval.metrics.base import Reference
from eval.metrics.clip_score import ClipScore
from eval.metrics.lpips_distance import LpipsDistance
from runtime.output import safe_output
from tedbench.datasets.picturebook import PicturebookPairs

ROUNDS = 5
COUNT = 22


def ratio(name: str, plain: Callable[[], object], ours: Callable[[], object]) -> None:
    """Time both in turn and print the median of the paired ratios."""
    plain(), ours()
    pairs = [(clock(plain), clock(ours)) for _ in range(ROUNDS)]
    found = statistics.median(a / b for a, b in pairs)
    a, b = (statistics.median(times) for times in zip(*pairs, strict=True))
    print(f"{name:<48} {a:7.2f} s {b:7.2f} s   {found:5.2f}×", flush=True)


def clock(task: Callable[[], object]) -> float:
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def main() -> None:
    print(f"{torch.get_num_threads()} threads, {COUNT} images, median of {ROUNDS} paired rounds")
    print(f"{'':<48} {'plain':>9} {'ours':>9}   ratio")
    pair, other, *_ = PicturebookPairs(size=64)
    shares = np.linspace(0, 1, COUNT)[:, None, None, None]
    images = (pair.image * (1 - shares) + other.image * shares).round().astype(np.uint8)
    reference = Reference(pair.image, pair.target_text)
    lpips = LpipsDistance("alex", 64, "picturebook:perceptual/alex.safetensors")
    clip = ClipScore("picturebook:clip")

    @torch.no_grad()
    def lpips_plain() -> None:
        source, *edited = (torch.from_numpy(i).permute(2, 0, 1)[None] / 127.5 - 1 for i in (pair.image, *images))
        for image in edited:
            lpips._lpips(source, image)

    ratio("LPIPS: image by image / source once, batched", lpips_plain, lambda: lpips.score(reference, images))
    each = lambda: [clip.score(reference, image[None]) for image in images]
    ratio("CLIP score: image by image / text once, batched", each, lambda: clip.score(reference, images))


if __name__ == "__main__":
    with safe_output():
        main()
