"""The power of a study of a given size, by simulation with the analysis's own interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from eval.study.analysis.preferences import preference
from eval.study.answers.raters import Population, draw_choices


@dataclass(frozen=True)
class Design:
    """The size of a study.

    Attributes:
        pairs: input image and target text.
        images: source images, which the pairs share as evenly as possible.
        opponents: methods that one is compared with; each rater meets them equally often.
        screens: screens of one rater that count, without the repeat.
    """

    pairs: int = 100
    images: int = 40
    opponents: int = 3
    screens: int = 19

    def per_opponent(self, raters: int) -> float:
        """Return the number of answers about one opponent."""
        return raters * min(self.screens, self.pairs) / self.opponents

    def answers(self, raters: int, rng: np.random.Generator) -> pd.DataFrame:
        """Return the raters' screens about one opponent, see :func:`eval.study.answers.raters.draw_choices`."""
        shown = min(self.screens, self.pairs)
        rater, place = np.indices((raters, shown)).reshape(2, -1)
        order = rng.permuted(np.tile(np.arange(self.pairs), (raters, 1)), axis=1)[:, :shown].ravel()
        about = (rater + place) % self.opponents == 0
        left = np.where(rng.random(len(order)) < 0.5, "ours", "theirs")
        right = np.where(left == "ours", "theirs", "ours")
        table = {"rater": rater, "image": order % self.images, "pair_id": order, "left": left, "right": right}
        return pd.DataFrame(table)[about].reset_index(drop=True)


def power(
    share: float, raters: int, design: Design, population: Population, *, alpha: float, rounds: int, seed: int = 0
) -> float:
    """Return the share of simulated studies in which one opponent's preference differs from one half.

    Args:
        share: of answers that prefer ours.
        raters: number of raters that are kept.
        design: of the study.
        population: of the raters.
        alpha: two-sided level, after any correction for several opponents.
        rounds: number of simulated studies.
        seed: of all draws.
    """
    abilities = {"ours": population.ability(share), "theirs": 0.0}
    found = 0
    for number in range(rounds):
        rng = np.random.default_rng((seed, number))
        screens = design.answers(raters, rng)
        wins = (draw_choices(screens, abilities, population, rng) == "left") == (screens["left"] == "ours").to_numpy()
        found += preference(wins, screens["rater"].to_numpy(), screens["image"].to_numpy()).p < alpha
    return found / rounds


def raters_needed(
    share: float,
    wanted: float,
    design: Design,
    population: Population,
    *,
    alpha: float,
    rounds: int,
    seed: int = 0,
    most: int = 2560,
) -> tuple[int | None, dict[int, float]]:
    """Return the fewest raters with which a study has the wanted power, to within a twentieth.

    Args:
        share, design, population, alpha, rounds, seed: see :func:`power`.
        wanted: power.
        most: largest number of raters that is tried.

    Returns:
        Their number, or None if ``most`` do not suffice (then there are too few images), and the power at every number
        that was tried.
    """
    tried: dict[int, float] = {}

    def enough(raters: int) -> bool:
        tried[raters] = power(share, raters, design, population, alpha=alpha, rounds=rounds, seed=seed)
        return tried[raters] >= wanted

    low, high = 0, 5
    while not enough(high):
        if high >= most:
            return None, tried
        low, high = high, min(2 * high, most)
    while high - low > max(1, high // 20):
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high, tried
