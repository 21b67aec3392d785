"""Simulated raters: what they prefer, how they differ, and how they fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logit

from tedbench.settings import checked, number

SURE = 50.0
"""Log odds of what every rater who looks sees."""


@dataclass(frozen=True)
class Population:
    """How raters answer. Standard deviations are on the logit scale of one comparison.

    Attributes:
        image_sd: how much source images differ in which method is preferred on them.
        pair_sd: how much the texts of one image differ, likewise.
        rater_sd: how much raters differ.
        side_bias: log odds of the left image where nothing else decides; 0 is none, negative is right.
        lapses: share of the answers that are given at random.
        ties: share of the answers that are ties, where they are offered.
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
        """From a command's options; those that it does not have keep their default.

        Raises:
            UserError: an option is no such number.
        """
        names = [each.name for each in fields(cls) if each.name in settings]
        most = dict.fromkeys(("lapses", "ties", "spammers"), 1.0)
        least = {"side_bias": -10.0}
        kinds = {name: number(least.get(name, 0), most.get(name, 10)) for name in names}
        return cls(**{name: checked(name, settings[name], kind) for name, kind in kinds.items()})

    def ability(self, share: float) -> float:
        """The mean log odds that come to ``share`` over all raters and images, before bias, lapses and spammers.

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


def choices(
    screens: pd.DataFrame, abilities: Mapping[str, float], population: Population, rng: np.random.Generator
) -> np.ndarray:
    """What each screen's rater chooses.

    A method's quality is its ability, plus what is its own on an image, on a pair and to a rater (each with 1/√2 of the
    population's deviation, so that the difference of two methods has the whole); the left image is chosen with the
    logistic of the difference.

    Args:
        screens: a row an answer: ``rater``, ``image``, ``pair_id``, ``left`` and ``right`` (methods) and, where there is
            a right answer, ``right_answer`` ("left", "right", else "").
        abilities: log odds by method.
        population: of the raters; ties are answered only where its ``ties`` is above 0.
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
    """(n,) "" for a row of an honest rater, else what the spammer chooses: "random", "left" or "right".

    The first raters are the spammers: simulated raters are alike before they answer.
    """
    number = pd.factorize(raters)[0]
    kinds = np.array(["random", "left", "random", "right"])[number % 4]
    return np.where(number < round(share * (number.max(initial=-1) + 1)), kinds, "")
