"""``python -m benchmarks.neighbour``: how much slower a fit is on a machine that others use too.

The first pair of the default job is fitted alone, and beside one busy process: one that keeps a core busy, and one that
multiplies matrices on torch's default number of threads, with their default way of waiting. Each fit has a process of
its own, on all cores that it may use. ``--wait`` adds the same with threads that wait in the library's default way
(``default``) or spin (``active``), for comparison.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from runtime.threads import OWN, PASSIVE

MOST = 2.5
"""Maximum factor by which a fit may be slower. Fair shares of two cores would be 1.3 beside one thread, 2 beside
two; steps that end when their slowest thread does take longer."""

NEIGHBOURS = {
    "a process that spins on one core": "while True: pass",
    "a torch job on all cores": "import torch\na = torch.randn(1024, 1024)\nwhile True: a @ a",
}
WAITS: dict[str, Mapping[str, str]] = {
    "passive": PASSIVE,
    "default": {"KMP_LIBRARY": "throughput"},  # the default by name, so that nothing else is set
    "active": {"OMP_WAIT_POLICY": "ACTIVE"},
}
START = 3.0
"""Seconds for a neighbour to start."""


def main() -> int:
    """Return 1 if a fit beside another process took more than :data:`MOST` times as long, else 0."""
    args = _arguments()
    if args.fit:
        print(fit_seconds(*args.steps))
        return 0
    within = True
    for wait in dict.fromkeys(["passive", *args.wait]):
        alone = [_timed(args.steps, wait)]
        beside = {}
        for name, code in NEIGHBOURS.items():
            with neighbour(code):
                beside[name] = _timed(args.steps, wait)
            alone.append(_timed(args.steps, wait))
        usual = sum(alone) / len(alone)
        spread = ", ".join(f"{seconds:.1f}" for seconds in alone)
        print(f"threads wait: {wait}; a fit of {args.steps[0]} + {args.steps[1]} steps alone: {usual:.1f} s ({spread})")
        for name, seconds in beside.items():
            ratio = seconds / usual
            print(f"  beside {name}: {seconds:.1f} s, {ratio:.2f}× (at most {MOST}×)", flush=True)
            within = within and (ratio <= MOST or wait != "passive")
    return int(not within)


def fit_seconds(embedding: int, finetune: int) -> float:
    """Return the seconds of a fit of the default job's first pair in this process, after a fit of one step."""
    from imagic.api import load
    from tedbench.datasets.picturebook import PicturebookPairs

    pair = next(iter(PicturebookPairs(size=64)))
    seconds = 0.0
    for steps in ((1, 1), (embedding, finetune)):
        names = ("embedding", "finetune")
        settings = [f"recipe.imagic.{name}.steps={count}" for name, count in zip(names, steps, strict=True)]
        editor = load("picturebook", "numerics.device=cpu", *settings)
        start = time.monotonic()
        with editor.fit(pair):
            seconds = time.monotonic() - start
    return seconds


@contextmanager
def neighbour(code: str) -> Iterator[None]:
    """Run this code in another process until the block ends; its threads wait in their default way."""
    process = subprocess.Popen([sys.executable, "-c", code], env=_environment({}))
    try:
        time.sleep(START)
        if process.poll() is not None:
            raise RuntimeError(f"the neighbour ended by itself, with status {process.returncode}")
        yield
    finally:
        process.kill()
        process.wait()


def _timed(steps: tuple[int, int], wait: str) -> float:
    command = [sys.executable, "-m", "benchmarks.neighbour", "--fit", "--steps", *map(str, steps)]
    done = subprocess.run(command, env=_environment(WAITS[wait]), check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout.split()[-1])


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    others = {key: value for key, value in os.environ.items() if key not in (*OWN, "OMP_NUM_THREADS")}
    return {**others, **settings}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.neighbour", description=__doc__)
    parser.add_argument(
        "--steps", type=int, nargs=2, default=[120, 200], help="of stages A and B; default: the recipe's"
    )
    parser.add_argument("--wait", choices=WAITS, nargs="*", default=[], help="other ways to wait, for comparison")
    parser.add_argument("--fit", action="store_true", help="only a fit in this process; prints its seconds")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
