"""Agreement between the runs' metrics and the raters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from scipy import stats

from eval.runs.cards import name_at_size
from eval.runs.folder import Run
from eval.study.analysis.preferences import preference
from eval.study.design.definition import Study
from tedbench.axis import rounded_strength
from tedbench.errors import UserError


def shown_edit_scores(study: Study) -> tuple[pd.DataFrame, list[str]]:
    """Return the scores of the images that the study shows, from the methods' runs.

    Returns:
        ``method``, ``pair_id``, ``metric`` and ``value`` (higher is better); and notes on runs that could not be read.
    """
    edits = pd.DataFrame([vars(edit) | {"strength": rounded_strength(edit.strength)} for edit in study.edits])
    tables, notes = [], []
    for method in study.methods:
        try:
            run = Run.open(Path(method.folder))
        except UserError:
            notes.append(f"{method.name}: its run is no longer in {method.folder}, so its scores are not compared.")
            continue
        if run.key != method.run:
            notes.append(f"{method.name}: {method.folder} now has another run ({run.key}), which is not compared.")
            continue
        scores, size = run.scores(), run.config()["fit"].get("size")
        scores["metric"] = scores["metric"].map(lambda name, size=size: name_at_size(name, size))
        cards = run.metrics.at_size(size)
        mine = edits[edits["method"] == method.name].merge(scores, on=["pair_id", "strength", "seed"])
        for metric, rows in mine.groupby("metric"):
            card = cards[str(metric)]
            values = rows.assign(metric=card.shown, value=card.shown_score(rows["score"]))
            tables.append(values[["method", "pair_id", "metric", "value"]].dropna())
    empty = pd.DataFrame(columns=["method", "pair_id", "metric", "value"])
    return pd.concat(tables, ignore_index=True) if tables else empty, notes


def metric_agreement(answers: pd.DataFrame, scores: pd.DataFrame) -> list[dict[str, Any]]:
    """Return for each metric how often raters choose the image with the higher score, and their correlation.

    Args:
        answers: preferences, see :func:`eval.study.answers.answers.kept`.
        scores: see :func:`shown_edit_scores`.

    Returns:
        One entry for each metric that at least two methods have: ``metric``; ``agreement`` (share of the answers, ties
            and
        equal scores left out, with its two-way clustered interval, see
        :func:`eval.study.analysis.preferences.preference`); ``spearman`` between the difference of the scores and the
        share that prefers the one method, over ``cells`` (one for each pair and two methods), None if it is not
        defined.
    """
    found = []
    for metric, values in scores.groupby("metric"):
        joined = answers
        for side in ("ours", "opponent"):
            value = values.rename(columns={"method": side, "value": f"{side}_value"})
            joined = joined.merge(value[[side, "pair_id", f"{side}_value"]], on=[side, "pair_id"])
        joined = joined.assign(
            difference=joined["ours_value"] - joined["opponent_value"],
            win=(joined["preferred"] == joined["ours"]) + 0.5 * (joined["preferred"] == ""),
        )
        decided = joined[(joined["preferred"] != "") & (joined["difference"] != 0)]
        if decided.empty:
            continue
        agrees = (decided["win"] == 1) == (decided["difference"] > 0)
        share = preference(agrees.to_numpy(), decided["rater"].to_numpy(), decided["source_group"].to_numpy())
        cells = joined.groupby(["pair_id", "ours", "opponent"])[["difference", "win"]].mean()
        varies = len(cells) > 2 and bool((cells.nunique() > 1).all())
        rho = float(stats.spearmanr(cells["difference"], cells["win"]).statistic) if varies else None
        entry = {"metric": str(metric), "agreement": share._asdict(), "spearman": rho, "cells": len(cells)}
        found.append(entry)
    return found
