"""Scores to compare with the judgement: metrics, simple combinations of them, and the strength alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from eval.runs.cards import Kind

STRENGTH = "strength alone"
"""The share of good images at the same strength, on other source images: a score without any metric."""


class Score(NamedTuple):
    """A column that ranks images.

    Attributes:
        name: its column.
        label: for figures and tables.
        kind: ``baseline`` is the strength alone.
        measures: the metric's kind, if it is known.
        heading: of a metric, whatever its backbone.
    """

    name: str
    label: str
    kind: Literal["metric", "combination", "baseline"]
    measures: Kind | None = None
    heading: str = ""


def add_scores(images: pd.DataFrame, metrics: Sequence[Score]) -> tuple[pd.DataFrame, list[Score]]:
    """Add a column for each other score to the images; return them and all scores, the metrics first.

    For each kind of alignment (CLIP score, CLIP direction) with the first metric of fidelity (1 − LPIPS): the mean of their
    ranks among all images, the lesser of the two, and alignment among the images that are faithful enough
    (:func:`faithful_enough`, which is ``eval.select``'s ``rule=best``). Then a weighted sum of all metrics' ranks, whose
    weights are fitted to the judgements (least squares) of the other source images. Last :data:`STRENGTH`.

    Args:
        images: of :func:`eval.analysis.validity.images.gather_judged`.
        metrics: of its columns; the first of a kind goes into combinations.
    """
    found = list(metrics)
    ranks = images[[score.name for score in metrics]].rank(pct=True)
    columns: dict[str, pd.Series | np.ndarray] = {}
    fidelity = next((score for score in metrics if score.measures == "fidelity"), None)
    for alignment in _first_of_headings([score for score in metrics if score.measures == "alignment"]):
        if fidelity is not None:
            both = ranks[[alignment.name, fidelity.name]]
            columns[f"mean rank: {alignment.label}, {fidelity.label}"] = both.mean(axis=1)
            columns[f"lesser rank: {alignment.label}, {fidelity.label}"] = both.min(axis=1)
            columns[f"{alignment.label} where {fidelity.label} ≥ t"] = faithful_enough(
                images, ranks[alignment.name], ranks[fidelity.name]
            )
    groups = images["source_group"].to_numpy()
    if len(metrics) > 1:
        columns["weighted sum of all"] = fitted_elsewhere(ranks.to_numpy(), images["good"].to_numpy(), groups)
    found += [Score(name, name, "combination") for name in columns]
    columns[STRENGTH] = strength_alone(images)
    found.append(Score(STRENGTH, STRENGTH, "baseline"))
    return images.assign(**columns), found


def _first_of_headings(metrics: Sequence[Score]) -> list[Score]:
    found: dict[str, Score] = {}
    for score in metrics:
        found.setdefault(score.heading, score)
    return list(found.values())


def fitted_elsewhere(x: np.ndarray, y: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return predictions, (N,), by the least-squares plane through the data of all other groups.

    Args:
        x: (N, K).
        y: (N,).
        groups: (N,); with one alone all predictions are equal.
    """
    x = np.column_stack([np.ones(len(x)), x])
    predicted = np.zeros(len(x))
    for group in np.unique(groups):
        own = groups == group
        if not own.all():
            predicted[own] = x[own] @ np.linalg.lstsq(x[~own], y[~own], rcond=None)[0]
    return predicted.round(12)  # equal inputs stay equal, whatever the order of a sum


def faithful_enough(images: pd.DataFrame, alignment: pd.Series, fidelity: pd.Series) -> np.ndarray:
    """Rank an image by its alignment if its fidelity reaches a threshold, otherwise below all these, by its fidelity.

    The threshold, one of 0, 0.1, … 0.9 as a rank, is the one with which most chosen images (one for each pair and seed
    of the same run, on other source images) are good; the lowest if several are equal.

    Args:
        images: of :func:`eval.analysis.validity.images.gather_judged`.
        alignment, fidelity: ranks, from 0 to 1.
    """
    unit = ["run", "pair_id", "seed"]
    options = {t: alignment.where(fidelity >= t, fidelity - 2).to_numpy() for t in np.arange(0, 10) / 10}
    chosen = {}
    for threshold, values in options.items():
        best = images.assign(value=values).sort_values(["value", "strength"], ascending=[False, True], kind="stable")
        chosen[threshold] = best.groupby(unit).head(1).groupby(["run", "source_group"])["good"].sum()
    sums = pd.DataFrame(chosen)
    others = sums.groupby("run").transform("sum") - sums
    taken = others.idxmax(axis=1)
    of_image = taken.loc[pd.MultiIndex.from_frame(images[["run", "source_group"]])].to_numpy()
    return np.select([of_image == threshold for threshold in options], list(options.values()))


def strength_alone(images: pd.DataFrame) -> np.ndarray:
    """Return the mean judgement at the same run and strength, over other source images; 0 if there are none."""
    at = images.groupby(["run", "strength"])["good"]
    own = images.groupby(["run", "strength", "source_group"])["good"]
    others = at.transform("size") - own.transform("size")
    total = at.transform("sum") - own.transform("sum")
    return (total / others.where(others > 0)).fillna(0).round(12).to_numpy()
