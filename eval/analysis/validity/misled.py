"""Cases in which a score misleads: the image with the highest score is bad, although the pair has a good one."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from eval.analysis.validity.choosing import best_of
from eval.analysis.validity.ranking import GOOD
from eval.analysis.validity.scores import Score

UNIT = ["run", "pair_id"]


def misled(images: pd.DataFrame, scores: Sequence[Score], questions: Sequence[str]) -> pd.DataFrame:
    """Return one row for each score, run and pair with both good and bad images.

    ``picked_…`` is the image with the highest score among all strengths and seeds, ``good_…`` the good image with the
    highest score. ``is_misled``: the picked image is bad; ``gap``: percentage of all images that rank between the two.

    Args:
        images: with a column for each score.
        scores: the scores to examine.
        questions: columns of further judgements of the picked image.
    """
    is_good = images["good"] >= GOOD
    shares = is_good.groupby([images[name] for name in UNIT]).transform("mean")
    mixed = images[(shares > 0) & (shares < 1)]
    tables = []
    for score in scores:
        ranks = images[score.name].rank(pct=True)
        picked, good = (best_of(part, score.name, UNIT) for part in (mixed, mixed[is_good[mixed.index]]))
        about = picked.set_index(UNIT)[["source_group", "category", "target_text", "good", *questions]]
        table = about.join([_side(picked, score, ranks, "picked_"), _side(good, score, ranks, "good_")])
        gap = 100 * (table["picked_rank"] - table["good_rank"])
        table = table.assign(score=score.name, is_misled=table["good"] < GOOD, gap=gap).reset_index()
        tables.append(table.sort_values(["gap", *UNIT], ascending=[False, True, True]))
    return pd.concat(tables, ignore_index=True)


def _side(rows: pd.DataFrame, score: Score, ranks: pd.Series, prefix: str) -> pd.DataFrame:
    rows = rows.assign(score=rows[score.name], rank=ranks[rows.index]).set_index(UNIT)
    return rows[["strength", "seed", "image", "score", "rank"]].add_prefix(prefix)


def worst(table: pd.DataFrame, score: Score, count: int = 6) -> pd.DataFrame:
    """Return the cases in which a score misleads most, each category's worst case first, each pair once."""
    rows = table[(table["score"] == score.name) & table["is_misled"]].drop_duplicates("pair_id")
    turn = rows.groupby("category").cumcount()
    return rows.assign(turn=turn).sort_values(["turn", "gap"], ascending=[True, False], kind="stable").head(count)
