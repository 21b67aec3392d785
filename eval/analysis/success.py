"""Rates of judged success: how often an edit makes the requested change and no other, by strength and category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from eval.analysis.stats import clustered_share
from eval.metrics.base import Reference
from eval.metrics.judgement import QUESTIONS_OF_SUCCESS
from eval.runs.folder import Run, Shard
from eval.runs.source_groups import in_all
from tedbench.errors import UserError

if TYPE_CHECKING:  # reading images needs torch
    from eval.metrics.judge import Reader

ALL = "all"
"""The category of every pair, in tables."""


class JudgedRun(NamedTuple):
    """A run's judgements.

    Attributes:
        name: for tables.
        run: the run.
        images: one row an image, of the pairs that could be judged.
        left_out: by pair id, the reason why it could not be judged.
    """

    name: str
    run: Run
    images: pd.DataFrame
    left_out: dict[str, str]

    def of(self, pair_ids: Sequence[str]) -> JudgedRun:
        """Return the same for these pairs only."""
        return self._replace(images=self.images[self.images["pair_id"].isin(pair_ids)])


def judge_run(name: str, run: Run, reader: Reader) -> JudgedRun:
    """Judge every pair that has an image for each strength and seed of the run.

    Raises:
        UserError: no pair can be judged.
    """
    samples = run.samples()
    wanted = len(samples[["strength", "seed"]].drop_duplicates())
    frames, left_out = [], {}
    for shard in run.shards():
        rows = samples[(samples["pair_id"] == shard.id) & (samples["status"] == "ok")]
        if len(rows) < wanted:
            left_out[shard.id] = f"{len(rows)} of {wanted} images"
        elif (judged := _judge(shard, rows, reader)) is None:
            left_out[shard.id] = "no true edit that the judge can tell from the input"
        else:
            frames.append(judged)
    if not frames:
        reasons = "; ".join(sorted(set(left_out.values()))) or "it has no pairs"
        raise UserError(f"Nothing in {run.folder} can be judged ({reasons}). Give a finished run on drawn pairs.")
    return JudgedRun(name, run, pd.concat(frames, ignore_index=True), left_out)


def _judge(shard: Shard, rows: pd.DataFrame, reader: Reader) -> pd.DataFrame | None:
    reference = Reference(shard.input(), "", None, shard.truth())
    judged = reader.judge(reference, np.stack([shard.image(name) for name in rows["image"]]))
    if judged is None:
        return None
    answers = {what: [float(getattr(each, what)) for each in judged] for what in QUESTIONS_OF_SUCCESS}
    said = {"right": [each.right for each in judged], "faults": ["; ".join(each.faults) for each in judged]}
    return rows.assign(**answers, **said, category=rows["category"].replace("", "other"))


def rates(judged: JudgedRun, expected: pd.Series) -> pd.DataFrame:
    """Return the share of images with the answer yes to each question of success, with 95% intervals.

    One row for each category (and all), strength and question. Intervals are those of the means over pairs of each
    pair's mean over seeds, clustered by source image; they stay within [0, 1]. Rows without a strength are shares of
    pairs: those for which *some* strength and seed has the answer yes.

    Args:
        judged: a run.
        expected: number of pairs there should be, by category.
    """
    rows = []
    for category in (ALL, *sorted(judged.images["category"].unique())):
        images = judged.images if category == ALL else judged.images[judged.images["category"] == category]
        some = images.groupby("pair_id").agg({**dict.fromkeys(QUESTIONS_OF_SUCCESS, "max"), "source_group": "first"})
        counts = {"n_pairs": len(some), "n_pairs_expected": int(expected[category])}
        for strength, group in (*images.groupby("strength"), (np.nan, some)):
            pairs = group.groupby("pair_id").agg(
                {**dict.fromkeys(QUESTIONS_OF_SUCCESS, "mean"), "source_group": "first"}
            )
            for what in QUESTIONS_OF_SUCCESS:
                interval = clustered_share(pairs[what].tolist(), pairs["source_group"].tolist())
                ends = {"mean": interval.mean, "ci_low": interval.low, "ci_high": interval.high, "n": len(group)}
                label = {"run": judged.name, "category": category, "strength": strength, "question": what}
                rows.append({**label, **ends, **counts})
    return pd.DataFrame(rows)


def best_strength(table: pd.DataFrame, run: str) -> float:
    """Return the strength at which most images of a run succeed; the smallest if several do equally."""
    rows = table[(table["run"] == run) & (table["category"] == ALL) & (table["question"] == "success")]
    rows = rows.dropna(subset="strength").sort_values("strength")
    return float(rows.loc[rows["mean"].idxmax(), "strength"])


def best_attempts(judged: JudgedRun) -> pd.DataFrame:
    """Return one row a pair: the image that succeeds, or has most right answers; the smallest strength if several do.

    ``n_success`` of its ``n`` images succeed.
    """
    order = ["success", "right", "changed", "kept", "strength", "seed"]
    ascending = [False] * 4 + [True] * 2
    best = judged.images.sort_values(order, ascending=ascending).groupby("pair_id", as_index=False).first()
    counts = judged.images.groupby("pair_id")["success"].agg(n_success="sum", n="size").astype(int)
    return best.merge(counts, on="pair_id").assign(run=judged.name)


class SuccessComparison(NamedTuple):
    """Judged success of runs, on the pairs that all of them have whole.

    Attributes:
        judged: each run's judgements of these pairs.
        table: the rates (see :func:`rates`) of all runs.
        attempts: each pair's best image (see :func:`best_attempts`) of all runs.
        best: the strength at which most images succeed, by run.
        left_out: by pair id, the reason why it is not compared.
        symbol: of the strength, for tables and figures.
        judge: the digest of the judge's weights.
        dataset: label for pages and figures.
    """

    judged: list[JudgedRun]
    table: pd.DataFrame
    attempts: pd.DataFrame
    best: dict[str, float]
    left_out: dict[str, str]
    symbol: str
    judge: str
    dataset: str


def compare_success(runs: Mapping[str, Run], reader: Reader) -> SuccessComparison:
    """Judge runs, by name, and compare them.

    Raises:
        UserError: a run cannot be judged, or the runs have no judged pair in common.
    """
    judged = [judge_run(name, run, reader) for name, run in runs.items()]
    groups = in_all([each.images for each in judged])
    judged = [each._replace(images=images) for each, images in zip(judged, groups, strict=True)]
    names = [set(each.images["pair_id"]) for each in judged]
    common = sorted(set.intersection(*names))
    if not common:
        raise UserError("These runs have no judged pair in common. Give runs on the same dataset.")
    listed = pd.concat([each.run.samples()[["pair_id", "category"]] for each in judged]).drop_duplicates("pair_id")
    expected = listed["category"].replace("", "other").value_counts()
    expected[ALL] = len(listed)
    reasons = {id: f"{each.name}: {why}" for each in judged for id, why in each.left_out.items()}
    left_out = {id: reasons.get(id, "not in every run") for id in sorted(listed["pair_id"]) if id not in common}
    judged = [each.of(common) for each in judged]
    table = pd.concat([rates(each, expected) for each in judged], ignore_index=True)
    attempts = pd.concat([best_attempts(each) for each in judged], ignore_index=True)
    best = {each.name: best_strength(table, each.name) for each in judged}
    dataset = ", ".join(sorted({each.run.dataset_label for each in judged}))
    return SuccessComparison(judged, table, attempts, best, left_out, _symbol(judged), reader.digest, dataset)


def _symbol(judged: Sequence[JudgedRun]) -> str:
    symbols = {each.run.cards.method.axis.symbol for each in judged}
    return symbols.pop() if len(symbols) == 1 else "strength"
