"""``python -m picturebook.train PART [--out DIR] [--continue [DIR]]``: trains one embedded model on the CPU."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from picturebook.train.loop import SHIPPED
from picturebook.train.processes import process_group, processes
from runtime.output import safe_output

DRAWN = ("diffusion", "text", "cascade", "upscaler", "flow", "instruct")
"""Parts whose batches are drawn anew (:class:`picturebook.train.fresh.FreshScenes`), and can be shared by several processes."""
PARTS = ("autoencoder", "diffusion", "clip", "perceptual", "judge", "text", "cascade", "upscaler", "flow", "instruct")


def main() -> None:
    """Parse the command line and train the part that it names."""
    parser = argparse.ArgumentParser(prog="python -m picturebook.train", description=__doc__)
    parser.add_argument(
        "part",
        choices=PARTS,
        help="diffusion needs the autoencoder, text, flow and instruct the diffusion, cascade the text, upscaler the cascade",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("train"), help="folder that the models are written to (default: train)"
    )
    parser.add_argument("--steps", type=int, help="updates (default: what the shipped weights had)")
    parser.add_argument("--lr", type=float, help="peak of the learning rate (default: the part's own)")
    parser.add_argument("--seed", type=int, default=0, help="of all draws; give another one when you continue")
    parser.add_argument(
        "--continue",
        dest="start",
        type=Path,
        nargs="?",
        const=SHIPPED,
        help="begin with the models of this folder, an --out of before (without a value: with the shipped weights)",
    )
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    settings = {name: value for name in ("steps", "lr", "start") if (value := getattr(args, name)) is not None}
    with process_group():
        if processes() > 1 and args.part not in DRAWN:
            parser.error(f"{args.part} is trained in one process; those that can be in several are {', '.join(DRAWN)}")
        importlib.import_module(f"picturebook.train.{args.part}").main(args.out, seed=args.seed, **settings)


if __name__ == "__main__":
    with safe_output():
        main()
