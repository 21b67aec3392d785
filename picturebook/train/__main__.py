"""``python -m picturebook.train PART [--out DIR] [--steps N]``: trains one embedded model on the CPU."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

PARTS = ("autoencoder", "diffusion", "clip", "clip_twins", "perceptual")


def main() -> None:
    """Reads the command line and trains the part that it names."""
    parser = argparse.ArgumentParser(prog="python -m picturebook.train", description=__doc__)
    parser.add_argument("part", choices=PARTS, help="diffusion needs the autoencoder, clip_twins goes on from clip")
    parser.add_argument(
        "--out", type=Path, default=Path("train"), help="folder that the models are written to (default: train)"
    )
    parser.add_argument("--steps", type=int, help="updates (default: what the shipped weights had)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    settings = {"seed": args.seed} | ({"steps": args.steps} if args.steps else {})
    importlib.import_module(f"picturebook.train.{args.part}").main(args.out, **settings)


if __name__ == "__main__":
    main()
