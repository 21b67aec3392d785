"""Simulated raters: their preferences, differences and failures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logit

from eval.study.options import number_option

SURE = 50.0
"""Log odds of the right answer on a screen that has one, for every attentive rater."""


@dataclass(frozen=True)
class Population:
    """A population of raters. Standard deviations are on the logit scale of one comparison.

    Attributes:
        image_sd: standard deviation of preferences among source images.
        pair_sd: standard deviation among the texts of one image.
        rater_sd: standard deviation among raters.
        side_bias: log odds of the left image if nothing else decides; 0 is none, negative is right.
        lapses: share of the answers that are given at random.
        ties: share of the answers that are ties, if they are offered.
        spammers: share of the raters who look at nothing: half of them answer at random, half always the same side.
    """

    image_sd: float = 0.7
    pair_sd: float = 0.7
    rater_sd: float = 0.5
    side_bias: float = 0.0
    lapses: float = 0.0
    ties: float = 0.0
    spammers: float = 0.0

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Population:
        """Build a population from a command's options; missing ones keep their default.

        Raises:
            UserError: an option is not such a number.
        """
        names = [each.name for each in fields(cls) if each.name in settings]
        most = dict.fromkeys(("lapses", "ties", "spammers"), 1.0)
        least = {"side_bias": -10.0}
        return cls(**{name: number_option(settings, name, least.get(name, 0), most.get(name, 10)) for name in names})

    def ability(self, share: float) -> float:
        """Return the mean log odds that give ``share`` over all raters and images, before bias, lapses and spammers.

        Raises:
            ValueError: ``share`` is not between 0 and 1, both excluded.
        """
        if not 0 < share < 1:
            raise ValueError(f"a share of {share} is not between 0 and 1")
        spread = float(np.sqrt(self.image_sd**2 + self.pair_sd**2 + self.rater_sd**2))
        nodes, weights = np.polynomial.hermite_e.hermegauss(64)
        weights = weights / weights.sum()
        far = abs(float(logit(share))) * (1 + spread) ** 2 + 1
        return float(brentq(lambda mean: weights @ expit(mean + spread * nodes) - share, -far, far))


def draw_choices(
    screens: pd.DataFrame, abilities: Mapping[str, float], population: Population, rng: np.random.Generator
) -> np.ndarray:
    """Draw each screen's choice.

    A method's quality is its ability, plus a deviation on the image, on the pair and for the rater (each with 1/√2 of
    the population's deviation, so that the difference of two methods has the whole); the left image is chosen with the
    logistic of the difference.

    Args:
        screens: a row an answer: ``rater``, ``image``, ``pair_id``, ``left`` and ``right`` (methods) and, if there is
            a right answer, ``right_answer`` ("left", "right", else "").
        abilities: log odds by method.
        population: of the raters; there are ties only if its ``ties`` is above 0.
        rng: for every draw.

    Returns:
        (n,) "left", "right" or "tie".
    """
    number_of = {method: number for number, method in enumerate(abilities)}
    side = {name: np.array([number_of[method] for method in screens[name].tolist()]) for name in ("left", "right")}
    mean = np.array(list(abilities.values()))
    difference = mean[side["left"]] - mean[side["right"]]
    spread = {"image": population.image_sd, "pair_id": population.pair_sd, "rater": population.rater_sd}
    for name, deviation in spread.items():
        row = pd.factorize(screens[name])[0]
        own = rng.normal(scale=deviation / np.sqrt(2), size=(row.max(initial=-1) + 1, len(mean)))
        difference = difference + own[row, side["left"]] - own[row, side["right"]]
    n = len(screens)
    decided = np.zeros(n, bool)
    if "right_answer" in screens:
        answer = screens["right_answer"].to_numpy()
        decided = answer != ""
        difference = np.select([answer == "left", answer == "right"], [SURE, -SURE], difference)
    left = rng.random(n) < expit(difference + population.side_bias)
    tie = (rng.random(n) < population.ties) & ~decided
    lapse = rng.random(n) < population.lapses
    left = np.where(lapse, rng.random(n) < 0.5, left)
    kind = spammers(screens["rater"], population.spammers)
    at_random = rng.random(n) < 0.5
    left = np.select([kind == "random", kind == "left", kind == "right"], [at_random, True, False], left)
    return np.select([tie & (kind == ""), left], ["tie", "left"], "right")


def spammers(raters: pd.Series, share: float) -> np.ndarray:
    """Return (n,) the behaviour of each row's rater: "" for honest ones, or the spammer's "random", "left" or "right".

    The first raters are the spammers: simulated raters are alike before they answer.
    """
    number = pd.factorize(raters)[0]
    kinds = np.array(["random", "left", "random", "right"])[number % 4]
    return np.where(number < round(share * (number.max(initial=-1) + 1)), kinds, "")
