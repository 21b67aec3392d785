"""``python -m eval.analysis.reconstruction RUN [UNTUNED_RUN]``: is the input given back at the strength that should?

For every pair, the distance of the edited image at the axis's identity (η = 0) from the input is put on the way from
the autoencoder's own reconstruction (0%) to another pair's input (100%), by LPIPS and by root mean square error. A
second run, of the model without fine-tuning, shows what stage B is for (paper, Figure 7).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from eval.metrics.base import Reference
from eval.metrics.lpips_distance import LpipsDistance
from eval.rerun import model_of
from eval.runs.folder import Run, Shard
from imagic.models.latent import LatentDiffusion
from runtime.output import safe_output


def rmse(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt(np.square(a.astype(float) - b.astype(float)).mean()))


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(20 * np.log10(255 / max(rmse(a, b), 1e-9)))


def reconstruction(shard: Shard) -> np.ndarray | None:
    """The pair's image at strength 0 with its first seed."""
    table = shard.samples()
    rows = table[(table["strength"] == 0) & (table["status"] == "ok")]
    return shard.image(rows["image"].iloc[0]) if len(rows) else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("untuned", type=Path, nargs="?", help="the same with recipe.imagic.finetune.steps=0")
    args = parser.parse_args()
    run = Run.open(args.run)
    config = run.config()
    model = LatentDiffusion.load(model_of(config)["path"], image_size=config["fit"]["size"])
    lpips = LpipsDistance("alex", 64, "picturebook:perceptual/alex.safetensors")
    untuned = {shard.id: reconstruction(shard) for shard in Run.open(args.untuned).shards()} if args.untuned else {}
    shards = [shard for shard in run.shards() if reconstruction(shard) is not None]
    inputs = [shard.input() for shard in shards]
    rows = []
    for shard, image in zip(shards, inputs, strict=True):
        others = np.stack([i for i in inputs if not np.array_equal(i, image)])
        decoded = model.decode(model.encode_image(image))[0]
        given = [decoded, reconstruction(shard), untuned.get(shard.id)]
        shown = [g for g in given if g is not None]
        far = lpips.score(Reference(image, ""), others).mean(), np.mean([rmse(image, o) for o in others])
        near = lpips.score(Reference(image, ""), np.stack(shown)), [rmse(image, g) for g in shown]
        way = [[(d - near[k][0]) / (far[k] - near[k][0]) for d in near[k][1:]] for k in (0, 1)]
        rows.append((shard.id, psnr(image, shown[0]), [psnr(image, g) for g in shown[1:]], way))
    print(f"{'pair':<58} {'autoencoder':>11}   {'η = 0':>8} {'LPIPS':>6} {'RMSE':>6}   without fine-tuning")
    for name, ceiling, found, way in rows:
        cells = [f"{p:5.1f} dB {w0:6.1%} {w1:6.1%}" for p, w0, w1 in zip(found, way[0], way[1], strict=True)]
        print(f"{name[:58]:<58} {ceiling:8.1f} dB   {'   '.join(cells)}")
    for k, label in enumerate(("fine-tuned", "without fine-tuning")):
        have = [(r[2][k], r[1], r[3][0][k], r[3][1][k]) for r in rows if len(r[2]) > k]
        if have:
            p, c, w0, w1 = np.mean(have, axis=0)
            within = sum(h[2] <= 0.1 for h in have), sum(h[3] <= 0.1 for h in have)
            print(
                f"{label}: mean of {len(have)} of {len(rows)} pairs: {p:.2f} dB (autoencoder {c:.2f}), way by LPIPS {w0:.1%} "
                f"({within[0]} pairs within 10%), by RMSE {w1:.1%} ({within[1]} within 10%)"
            )


if __name__ == "__main__":
    with safe_output():
        main()
