"""Reconstruction: the distance of edits at strength 0 from their inputs (paper, Figure 7).

For every pair, the distance of the edited image from the input is put on a scale from the autoencoder's own
reconstruction (0) to another pair's input (1), by LPIPS and by root mean square error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from eval.metrics.base import Metric, Reference
from eval.runs.folder import Run, Shard
from tedbench.errors import UserError


def rmse(a: np.ndarray, b: np.ndarray) -> float:
    """Return the root mean square error of two uint8 images of one shape, in grey levels."""
    return float(np.sqrt(np.square(a.astype(float) - b.astype(float)).mean()))


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio of two uint8 images of one shape, in dB."""
    return float(20 * np.log10(255 / max(rmse(a, b), 1e-9)))


def reconstruction(shard: Shard) -> np.ndarray | None:
    """Return the pair's image at strength 0 with its first seed; None if there is none."""
    table = shard.samples()
    rows = table[(table["strength"] == 0) & (table["status"] == "ok")]
    return shard.image(rows["image"].iloc[0]) if len(rows) else None


def reconstructions(
    runs: Mapping[str, Run], autoencode: Callable[[np.ndarray], np.ndarray], lpips: Metric
) -> pd.DataFrame:
    """Return one row for each pair of the first run with an image at strength 0, and each run that has that image too.

    Columns are ``pair_id``, ``run``, ``autoencoder_psnr`` and ``psnr`` (dB against the input), ``way_lpips`` and
    ``way_rmse`` (0 is the autoencoder's reconstruction, 1 the mean of the other inputs).

    Args:
        runs: by name.
        autoencode: encodes and decodes an input, (size, size, 3) uint8, with the model's autoencoder.
        lpips: the distance.

    Raises:
        UserError: the first run has fewer than two inputs with an image at strength 0.
    """
    first, *others = runs
    images = {name: _reconstructions(run) for name, run in runs.items()}
    inputs = {shard.id: shard.input() for shard in runs[first].shards() if shard.id in images[first]}
    if len({image.tobytes() for image in inputs.values()}) < 2:
        raise UserError(
            f"{runs[first].folder} has no two inputs with an edited image at strength 0, which are compared with each "
            "other. Give a finished run of several pairs with 0 among its sweep.strengths."
        )
    rows: list[dict[str, object]] = []
    for pair_id, image in inputs.items():
        there = [first, *(name for name in others if pair_id in images[name])]
        shown = [autoencode(image), *(images[name][pair_id] for name in there)]
        far = np.stack([other for other in inputs.values() if not np.array_equal(other, image)])
        by_lpips = _way(lpips.score(Reference(image, ""), np.stack(shown)), lpips.score(Reference(image, ""), far))
        by_rmse = _way(np.array([rmse(image, each) for each in shown]), np.array([rmse(image, each) for each in far]))
        decibels = [psnr(image, each) for each in shown]
        for place, name in enumerate(there):
            ways = {"way_lpips": by_lpips[place], "way_rmse": by_rmse[place]}
            given = {"autoencoder_psnr": decibels[0], "psnr": decibels[place + 1]}
            rows.append({"pair_id": pair_id, "run": name, **given, **ways})
    return pd.DataFrame(rows)


def _reconstructions(run: Run) -> dict[str, np.ndarray]:
    found = {shard.id: reconstruction(shard) for shard in run.shards()}
    return {pair_id: image for pair_id, image in found.items() if image is not None}


def _way(near: np.ndarray, far: np.ndarray) -> np.ndarray:
    """Scale distances from the first of them (0) to the mean of the far ones (1), and return them without the first."""
    return (near[1:] - near[0]) / (far.mean() - near[0])
