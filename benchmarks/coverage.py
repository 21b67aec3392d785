"""``python -m benchmarks.coverage``: how often do 95% intervals hold the truth? All kinds of the harness, simulated.

Simulated are results on TEdBench's pairs: 100 texts, several on most of its images, whose outcomes are correlated.
Shares are judgements, 0 or 1 (with several seeds a pair's mean), of probit models: half of the latent variance is the
image's, ``--alike`` sets another share. Means are of normal and of skewed scores. Prints how often each interval covers
the truth and its width, and for shares the t interval beside it.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import stats

from eval.analysis.stats import Interval, clustered_mean, clustered_share, share_difference
from tedbench.manifest import Manifest

SHARES = (0.02, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.98)
TWO_SHARES = (
    (0.05, 0.05),
    (0.1, 0.02),
    (0.1, 0.05),
    (0.3, 0.3),
    (0.5, 0.5),
    (0.6, 0.5),
    (0.9, 0.5),
    (0.98, 0.9),
    (0.98, 0.02),
)
ALIKE = 0.5
"""The source image's share of a judgement's latent variance."""

DrawValues = Callable[[np.random.Generator], np.ndarray]
IntervalMethod = Callable[[Sequence[float], Sequence[int]], Interval]


class SimulatedCase(NamedTuple):
    """A simulated quantity: draws of all pairs' values, their true mean, and the interval that is tested."""

    label: str
    draw: DrawValues
    truth: float
    method: IntervalMethod


class SimulatedCoverage(NamedTuple):
    """Share of intervals that hold the truth, mean width, share of those outside ``bounds`` or without width."""

    covers: float
    width: float
    impossible: float


@cache
def clusters() -> np.ndarray:
    """Return the image of each of TEdBench's pairs, (100,); two of its files are one image."""
    manifest = Manifest.load()
    sizes = Counter(manifest.images[name].pixels for name, _ in manifest.pairs).values()
    return np.repeat(np.arange(len(sizes)), sorted(sizes))


def normal(rng: np.random.Generator) -> np.ndarray:
    """Draw scores of mean 0; half of their variance is the image's."""
    return _of_picture(rng.normal(size=100)) + rng.normal(size=100)


def skewed(rng: np.random.Generator) -> np.ndarray:
    """Draw scores of mean 0, mostly a little below and sometimes far above."""
    return _of_picture(rng.gamma(4, size=100) - 4) + rng.gamma(4, size=100) - 4


def judged(share: float, alike: float = ALIKE, seeds: int = 1) -> DrawValues:
    """Return draws of judgements with this share of ones; the other variance is half the pair's, half the seed's."""

    def draw(rng: np.random.Generator) -> np.ndarray:
        picture = np.sqrt(alike) * _of_picture(rng.normal(size=100))
        return _answers(rng, share, picture, 1 - alike, seeds)

    return draw


def judged_twice(one: float, other: float, alike: float = ALIKE, seeds: int = 1) -> DrawValues:
    """Return draws of differences of two methods' judgements of the same pairs, which are mostly correlated."""

    def draw(rng: np.random.Generator) -> np.ndarray:
        shared = np.sqrt(0.7 * alike) * _of_picture(rng.normal(size=100)) + np.sqrt(0.2) * rng.normal(size=100)
        own = [np.sqrt(0.3 * alike) * _of_picture(rng.normal(size=100)) for _ in range(2)]
        first, second = (
            _answers(rng, share, shared + mine, 0.8 - alike, seeds)
            for share, mine in zip((one, other), own, strict=True)
        )
        return first - second

    return draw


def _answers(rng: np.random.Generator, share: float, known: np.ndarray, rest: float, seeds: int) -> np.ndarray:
    """Return means over seeds of judgements, which are 1 if the latent value lies below the share's quantile."""
    pair = np.sqrt(rest / 2) * rng.normal(size=100)
    each = np.sqrt(rest / 2) * rng.normal(size=(seeds, 100))
    return (known + pair + each < stats.norm.ppf(share)).mean(axis=0)


def _of_picture(values: np.ndarray) -> np.ndarray:
    """Repeat values so that all pairs of an image have the same one."""
    return values[clusters()]


def coverage(
    case: SimulatedCase, rounds: int, seed: int = 0, bounds: tuple[float, float] | None = None
) -> SimulatedCoverage:
    """Simulate a case ``rounds`` times."""
    rng, pictures = np.random.default_rng(seed), clusters()
    found = np.array([case.method(case.draw(rng), pictures)[1:] for _ in range(rounds)])  # type: ignore[arg-type]
    low, high = found.T
    out = np.zeros(rounds, dtype=bool) if bounds is None else (low < bounds[0]) | (high > bounds[1]) | (low == high)
    covers = (low <= case.truth) & (case.truth <= high)
    return SimulatedCoverage(float(covers.mean()), float((high - low).mean()), float(out.mean()))


def cases(alike: float, seeds: Sequence[int]) -> Iterator[SimulatedCase]:
    """Yield every case of the benchmark: for shares each interval, then the t interval of the same draws."""
    for draw in (normal, skewed):
        yield SimulatedCase(f"mean, {draw.__name__}", draw, 0.0, clustered_mean)
        yield SimulatedCase(
            f"difference of means, {draw.__name__}", lambda rng, d=draw: d(rng) - d(rng), 0.0, clustered_mean
        )  # type: ignore[misc]
    for k in seeds:
        for method, words in ((clustered_share, "share"), (clustered_mean, "share, t interval")):
            for p in SHARES:
                yield SimulatedCase(f"{words} {p:g}, seeds {k}", judged(p, alike, k), p, method)
        for method, words in ((share_difference, "difference"), (clustered_mean, "difference, t interval")):
            for p, q in TWO_SHARES:
                yield SimulatedCase(f"{words} {p:g} − {q:g}, seeds {k}", judged_twice(p, q, alike, k), p - q, method)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4000, help="simulated benchmarks of each kind (default: 4000)")
    parser.add_argument(
        "--alike", type=float, default=ALIKE, help=f"the picture's part of the variance (default: {ALIKE})"
    )
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 4], help="images a pair (default: 1 4)")
    args = parser.parse_args(arguments)
    if not 0 <= args.alike <= 0.8:
        parser.error(f"--alike is {args.alike}. It goes from 0 to 0.8.")
    print(f"{args.rounds} rounds; {len(set(clusters().tolist()))} pictures; {args.alike:g} of the variance is theirs\n")
    print("| of a | 95% covers | mean width | impossible |\n| --- | ---: | ---: | ---: |")
    for case in cases(args.alike, args.seeds):
        bounds = None if "mean" in case.label else (-1.0, 1.0) if "difference" in case.label else (0.0, 1.0)
        found = coverage(case, args.rounds, bounds=bounds)
        print(f"| {case.label} | {found.covers:.1%} | {found.width:.3f} | {found.impossible:.1%} |", flush=True)


if __name__ == "__main__":
    main()
