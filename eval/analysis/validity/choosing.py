"""Choice of each edit's strength or seed by a score, compared with one strength for all and with the best choice."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from eval.analysis.stats import clustered_share, holm, paired_difference
from eval.analysis.validity.ranking import ALL
from eval.analysis.validity.scores import STRENGTH, Score

FREEDOMS = ("strength", "seed", "strength and seed")
"""Choices by a score: the strength for each seed, the seed at the fixed strength, or both. Means are over pairs."""

FIXED, HINDSIGHT = "best fixed strength", "best fixed strength, in hindsight"
CHANCE, ORACLE = "by chance", "oracle"


def complete_pairs(images: pd.DataFrame) -> pd.DataFrame:
    """Return the images of pairs that have one for each strength and seed of every run."""
    wanted = images.groupby("run")[["strength", "seed"]].apply(lambda rows: len(rows.drop_duplicates()))
    have = images.groupby(["run", "pair_id"]).size().unstack("run", fill_value=0)
    complete = have.index[(have == wanted).all(axis=1)]
    return images[images["pair_id"].isin(complete)]


def best_of(images: pd.DataFrame, score: str, unit: Sequence[str]) -> pd.DataFrame:
    """Return each unit's image with the highest score; of equals the weakest strength, then the lowest seed."""
    ordered = images.sort_values([score, "strength", "seed"], ascending=[False, True, True], kind="stable")
    return ordered.groupby(list(unit)).head(1).sort_values(["pair_id", "seed"])


def at_fixed(images: pd.DataFrame) -> pd.DataFrame:
    """Return a run's images at the strength that is best on the other source images."""
    best = best_of(images, STRENGTH, ["pair_id"])[["pair_id", "strength"]]
    return images.merge(best, on=["pair_id", "strength"])


def choice_table(images: pd.DataFrame, scores: Sequence[Score], questions: Sequence[str]) -> pd.DataFrame:
    """Return one row for each run, freedom, category (and all) and way to choose.

    ``good`` is the mean over pairs of the chosen images' judgements, ``more`` its difference to the best fixed strength
    (fixed on the other source images), ``p`` the p-value of the permutation test for no difference, ``p_holm`` the same
    after Holm's correction over the scores of the same run, freedom and category, ``room`` the fraction of the way from
    the fixed strength to the oracle. Pairs that lack an image are left out.

    Args:
        images: with a column for each score.
        scores: to choose by.
        questions: further columns to average over the chosen images.
    """
    rows: list[dict[str, object]] = []
    images = complete_pairs(images)
    for run, group in images.groupby("run", sort=False):
        seeds, best = group["seed"].nunique(), float(group.groupby("strength")["good"].mean().idxmax())
        for free in FREEDOMS if seeds > 1 else FREEDOMS[:1]:
            for category in (ALL, *sorted(group["category"].unique())):
                part = group if category == ALL else group[group["category"] == category]
                label = {"run": run, "free": free, "category": category}
                rows += [{**label, **row} for row in _choices(part, scores, questions, free, best)]
    table = pd.DataFrame(rows)
    if table.empty:
        return table
    tested = table["kind"].isin(["metric", "combination"])
    table["p_holm"] = math.nan
    for _, part in table[tested].groupby(["run", "free", "category"]):
        table.loc[part.index, "p_holm"] = holm(part["p"].tolist())
    return table


def _choices(
    images: pd.DataFrame, scores: Sequence[Score], questions: Sequence[str], free: str, best: float
) -> list[dict[str, object]]:
    unit = ["pair_id", "seed"] if free == "strength" else ["pair_id"]
    fixed = at_fixed(images)
    among = fixed if free == "seed" else images
    hindsight = images[images["strength"] == best]
    ways = [(FIXED, "baseline", fixed), (HINDSIGHT, "baseline", hindsight), (CHANCE, "baseline", among)]
    ways += [(s.name, s.kind, best_of(among, s.name, unit)) for s in scores if s.kind != "baseline"]
    ways.append((ORACLE, "oracle", best_of(among, "good", unit)))
    clusters = images.groupby("pair_id")["source_group"].first()
    base, most = (_by_pair(rows) for rows in (fixed, ways[-1][2]))
    room = float((most - base).mean())
    found = []
    for name, kind, rows in ways:
        by_pair = _by_pair(rows)
        mean = clustered_share(by_pair.tolist(), clusters[by_pair.index].tolist())
        more = paired_difference(by_pair.tolist(), base.tolist(), clusters[by_pair.index].tolist(), share=True)
        median = math.nan if name in (CHANCE, ORACLE) else rows["strength"].median()
        row = {"how": name, "kind": kind, "good": mean.mean, "ci_low": mean.low, "ci_high": mean.high}
        row |= {"more": more.mean, "more_low": more.low, "more_high": more.high, "p": more.p}
        row |= {"room": more.mean / room if room else math.nan, "strength_median": median}
        row |= {question: rows.groupby("pair_id")[question].mean().mean() for question in questions}
        found.append({**row, "n_pairs": len(by_pair), "n_source_images": clusters.nunique()})
    return found


def _by_pair(rows: pd.DataFrame) -> pd.Series:
    return rows.groupby("pair_id")["good"].mean()
