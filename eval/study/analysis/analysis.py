"""The summary of a study's answers, from which summary.json, the report and the figure are made."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import pandas as pd
from scipy import stats

from eval.analysis.stats import holm
from eval.study.analysis.bradley_terry import bradley_terry
from eval.study.analysis.metric_agreement import metric_agreement
from eval.study.analysis.preferences import krippendorff_alpha, preference
from eval.study.answers.answers import kept, usable
from eval.study.answers.exclusions import RULES, UNUSABLE
from eval.study.answers.results import Answers
from eval.study.answers.superseded import by_row_order
from eval.study.design.definition import Study

ESTIMAND = (
    "The probability that a rater of the population which these raters come from prefers the method's edit to the "
    "opponent's, for a source image of the population which these images come from; a tie counts half. Every answer has "
    "the same weight."
)


def analysis(study: Study, answers: Answers, table: pd.DataFrame, reasons: Sequence[dict[str, str]]) -> dict[str, Any]:
    """Return the summary as plain JSON values (None for a number that is not defined).

    Args:
        study: the study that was answered.
        answers: as they were read.
        table: see :func:`eval.study.answers.answers.answer_table`.
        reasons: for each submission, the reasons why it does not count.
    """
    counted, before = kept(table), usable(table)
    summary = {
        "study": {
            "tag": study.tag,
            "sha256": study.sha256,
            "dataset": study.dataset,
            "methods": [method.name for method in study.methods],
            "sessions": len(study.sessions),
            "ties": study.ties,
            "all_against_all": study.all_against_all,
        },
        "simulated": any(submission.simulated for submission in answers.submissions),
        "files": [file._asdict() for file in answers.files],
        "estimand": ESTIMAND,
        "submissions": submission_counts(answers, reasons),
        "preferences": preferences(counted, study),
        "preferences_before_rules": preferences(before, study),
        "sides": sides(counted),
        "consistency": consistency(table),
        "bradley_terry": _bradley_terry(counted, study),
    }
    return _plain(summary)


def submission_counts(answers: Answers, reasons: Sequence[dict[str, str]]) -> dict[str, Any]:
    """Return the numbers of submissions: read, kept, and excluded by reason (a submission may have several)."""
    why = Counter(name for each in reasons for name in each)
    return {
        "read": len(answers.submissions),
        "kept": sum(not each for each in reasons),
        "raters": len({submission.rater for submission in answers.submissions}),
        "excluded": {name: why[name] for name in (*UNUSABLE, *RULES) if why[name]},
        "by_row_order": by_row_order(answers.submissions),
        "duplicate_rows": answers.duplicates,
        "sessions_without_answer": answers.unanswered,
    }


def preferences(answers: pd.DataFrame, study: Study) -> list[dict[str, Any]]:
    """Return one entry for each two methods that were compared.

    Returns:
        ``method``, ``opponent``, the fields of :class:`eval.study.analysis.preferences.Preference`, ``p_holm`` (for all
        entries together), ``ties`` (share), ``alpha`` (Krippendorff's, over pairs), ``wilson_coverage`` (of a nominal
        95%: how often such an interval holds the estimand if the clustered variance is the true one).
    """
    names = [method.name for method in study.methods]
    pairings = list(combinations(names, 2)) if study.all_against_all else [(names[0], other) for other in names[1:]]
    rows = []
    for method, opponent in pairings:
        mine = answers[(answers["ours"] == method) & (answers["opponent"] == opponent)]
        row: dict[str, Any] = {"method": method, "opponent": opponent, "answers": len(mine), "p": math.nan}
        if len(mine):
            tie = mine["preferred"] == ""
            wins = (mine["preferred"] == method) + 0.5 * tie
            found = preference(wins.to_numpy(), mine["rater"].to_numpy(), mine["source_group"].to_numpy())
            row |= found._asdict()
            row["ties"] = float(tie.mean())
            row["alpha"] = krippendorff_alpha(mine["pair_id"].to_numpy(), mine["preferred"].to_numpy())
            row["wilson_coverage"] = float(2 * stats.norm.cdf(1.96 * math.sqrt(found.effective / found.answers)) - 1)
        rows.append(row)
    for row, p in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = p
    return rows


def sides(answers: pd.DataFrame) -> dict[str, Any] | None:
    """Return how often the left image was chosen, ties left out; every pairing is on either side equally often."""
    decided = answers[answers["choice"] != "tie"]
    if decided.empty:
        return None
    left = decided["choice"] == "left"
    return preference(left.to_numpy(), decided["rater"].to_numpy(), decided["source_group"].to_numpy())._asdict()


def consistency(table: pd.DataFrame) -> dict[str, int]:
    """Return the number of repeated screens answered both times, and of those with the same answer, before any rule."""
    there = table[~table["excluded"].isin(list(UNUSABLE)) & table["kind"].isin(["main", "repeat"])]
    keys = ["submission", "pair_id", "ours", "opponent"]
    main, again = (there[there["kind"] == kind] for kind in ("main", "repeat"))
    both = again.merge(main[[*keys, "preferred"]], on=keys, suffixes=("_again", ""))
    same = both["preferred"] == both["preferred_again"]
    return {"repeats": len(both), "same": int(same.sum())}


def _bradley_terry(answers: pd.DataFrame, study: Study) -> list[dict[str, Any]] | str | None:
    if not study.all_against_all or len(study.methods) < 3 or answers.empty:
        return None
    wins = (answers["preferred"] == answers["ours"]) + 0.5 * (answers["preferred"] == "")
    ours, opponent, raters, images = (
        answers[name].to_numpy() for name in ("ours", "opponent", "rater", "source_group")
    )
    found = bradley_terry(ours, opponent, wins.to_numpy(), raters, images)
    if found is None:
        return "There is no finite scale: some methods won always, or never met the others."
    return [ability._asdict() for ability in found]


def with_metrics(
    summary: dict[str, Any], table: pd.DataFrame, scores: pd.DataFrame, notes: list[str]
) -> dict[str, Any]:
    """Return the summary with the agreement between metrics and raters added."""
    return {**summary, "metrics": _plain(metric_agreement(kept(table), scores)), "metric_notes": notes}


def _plain(value: Any) -> Any:
    """Replace NaN by None throughout."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value
