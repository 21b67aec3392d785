"""The Bradley–Terry model: one scale for methods that were compared pairwise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

from eval.study.analysis.preferences import two_way_variance


class Ability(NamedTuple):
    """A method's ability in log odds; all abilities sum to 0. ``low``, ``high``: its two-way clustered 95% interval."""

    method: str
    ability: float
    low: float
    high: float


def bradley_terry(
    first: Sequence[str], second: Sequence[str], wins: Sequence[float], raters: Sequence[str], images: Sequence[str]
) -> list[Ability] | None:
    """Return abilities with P(first preferred) = logistic(ability of first − ability of second), best first.

    Fitted by Newton's method on the likelihood (ties are half of each); intervals are from the influence of each
    answer, clustered by rater and source image as in :func:`eval.study.analysis.preferences.preference`.

    Args:
        first: a method, one an answer.
        second: the other one.
        wins: 1 if the first was preferred, 0 if the second, 0.5 for a tie.
        raters: the rater of each answer.
        images: the source image of each answer.

    Returns:
        None if there is no finite fit: some methods never won against, or never met, the others (Ford 1957).
    """
    y = np.asarray(wins, dtype=float)
    codes, methods = pd.factorize(np.concatenate([np.asarray(first), np.asarray(second)]), sort=True)
    a, b = codes[: len(y)], codes[len(y) :]
    m = len(methods)
    edges = (np.concatenate([a[y > 0], b[y < 1]]), np.concatenate([b[y > 0], a[y < 1]]))
    if connected_components(coo_array((np.ones(len(edges[0])), edges), (m, m)), connection="strong")[0] > 1:
        return None
    design = np.zeros((len(y), m))
    design[np.arange(len(y)), a] += 1
    design[np.arange(len(y)), b] -= 1
    ability = np.zeros(m)
    for _ in range(100):
        chance = expit(design @ ability)
        inverse = np.linalg.pinv(design.T @ (design * (chance * (1 - chance))[:, None]), rcond=1e-9, hermitian=True)
        step = inverse @ design.T @ (y - chance)
        ability = ability + step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-10:
            break
    influence = len(y) * (design @ inverse) * (y - chance)[:, None]
    clusters = [pd.factorize(np.asarray(values))[0] for values in (raters, images)]
    fewest = min(int(c.max()) + 1 for c in clusters)
    found = []
    for place, name in enumerate(methods):
        reach = math.nan
        if fewest > 1:
            error = math.sqrt(two_way_variance(influence[:, place], *clusters))
            reach = float(stats.t.ppf(0.975, fewest - 1)) * error
        found.append(
            Ability(str(name), float(ability[place]), float(ability[place] - reach), float(ability[place] + reach))
        )
    return sorted(found, key=lambda each: -each.ability)
