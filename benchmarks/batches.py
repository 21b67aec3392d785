"""``python -m benchmarks.batches``: one image a pair, made in batches of several pairs, against batches filled with copies.

The embedded model, with the recipes of ``method=sdedit`` and ``method=ddib``, one strength and one seed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any

import torch

from cli.command import compose, resolved
from imagic.api import build_editor, build_model
from imagic.models.batched import batch_size
from runtime.output import safe_output
from tedbench.datasets.picturebook import PicturebookPairs
from tedbench.pair import EditPair

STRENGTHS = {"sdedit": 0.6, "ddib": 3.0}


def seconds_apart(editor: Any, pairs: Sequence[EditPair], strength: float) -> float:
    """Return the time of one pair after another."""
    start = time.perf_counter()
    for pair in pairs:
        with editor.fit(pair) as edit:
            list(edit.sample([(strength, 0)]))
    return time.perf_counter() - start


def seconds_together(editor: Any, pairs: Sequence[EditPair], strength: float) -> float:
    """Return the time of all pairs in shared batches."""
    start = time.perf_counter()
    edits = editor.fit_together(pairs)
    list(editor.sample_together([(edit, [(strength, 0)]) for edit in edits]))
    return time.perf_counter() - start


def main() -> None:
    """Print seconds a pair and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=11, help="number of pairs (default: 11, a full batch)")
    parser.add_argument("methods", nargs="*", default=list(STRENGTHS), help="of sdedit, ddib (default: both)")
    args = parser.parse_args()
    pairs = list(PicturebookPairs(64, split="all", limit=args.pairs))
    print(f"{torch.get_num_threads()} threads, {len(pairs)} pairs")
    for name in args.methods:
        settings = resolved(compose("run", [f"method={name}"]))
        most, model = settings["numerics"]["sample_batch"], build_model(settings, "cpu")

        def editor(images: int, fits: int, settings: Any = settings, model: Any = model) -> Any:
            sizes = {**settings["numerics"], "sample_batch": images, "fit_batch": fits}
            return build_editor({**settings, "numerics": sizes}, "cpu", model)

        single = seconds_apart(editor(1, 1), pairs[:1], STRENGTHS[name])
        copies = seconds_apart(editor(most, 1), pairs, STRENGTHS[name]) / len(pairs)
        shared = editor(most, batch_size(most, len(pairs)))
        together = seconds_together(shared, pairs, STRENGTHS[name]) / len(pairs)
        print(f"{name}: filled with copies {copies:.2f} s a pair, with other pairs {together:.2f} s", end=" ")
        print(f"({copies / together:.1f}×), alone without filling {single:.2f} s", flush=True)


if __name__ == "__main__":
    with safe_output():
        main()
