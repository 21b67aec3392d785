"""The edited images of saved runs, each with its scores and its judgement."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from eval.analysis.validity.scores import Score
from eval.runs.cards import MetricCard, MetricCards, merged
from eval.runs.folder import Run
from eval.runs.source_groups import in_all
from tedbench.errors import UserError
from tedbench.method import format_strength
from tedbench.table import read_table

KEYS = ["pair_id", "strength", "seed"]
ABOUT = ["run", "pair_id", "source_group", "category", "target_text", "strength", "seed", "image"]


class Material(NamedTuple):
    """Judged images, against which metrics are validated.

    Attributes:
        images: one row an image: :data:`ABOUT`, ``good`` in [0, 1], one column for each of ``metrics`` (higher is
            better) and of ``questions``.
        metrics: their columns, under the names in figures; those that figures prefer come first.
        questions: columns of other judgements, such as ``changed`` and ``kept``.
        judgement: the source of ``good``, in words.
        runs: by name.
        dataset: label for pages.
        synthetic: True if the images are drawn by a program.
        left_out: by pair id, the reason why a pair is not among the images.
        n_expected: number of pairs there should be.
    """

    images: pd.DataFrame
    metrics: list[Score]
    questions: list[str]
    judgement: str
    runs: dict[str, Run]
    dataset: str
    synthetic: bool
    left_out: dict[str, str]
    n_expected: int

    @property
    def coverage(self) -> str:
        """Number of pairs, such as "35 of 36 pairs"."""
        return f"{self.images['pair_id'].nunique()} of {self.n_expected} pairs"


def gather(runs: Mapping[str, Run], judgement: str, metrics: Sequence[str] = ()) -> Material:
    """Gather every image that was judged and has every metric, for the pairs that all runs have.

    Args:
        runs: by name.
        judgement: a column of the runs' scores (its beginning is enough), or a CSV with the columns ``pair``,
            ``strength``, ``seed``, ``good`` (0 to 1; several answers to one image are averaged), and ``run`` if there
            are several.
        metrics: names, raw or as shown; none takes all of alignment and fidelity that every run has.

    Raises:
        UserError: there is no such column or metric, the CSV is wrong, or the runs have no judged pair in common.
    """
    scores = {name: run.scores().dropna(subset="score") for name, run in runs.items()}
    there = [set(table["metric"]) for table in scores.values()]
    common = merged([run.metrics for run in runs.values()]).only(set.intersection(*there))
    taken = _metrics(common, metrics)
    asked = {} if Path(judgement).suffix == ".csv" else {"good": _column(common, judgement)}
    for card in common.of_kind("judgement"):
        if card not in asked.values():
            asked.setdefault(_question(card), card)
    answers = None if "good" in asked else _answers(Path(judgement), runs)
    frames, left_out, pairs = [], {}, []
    for name, run in runs.items():
        samples = run.samples()
        made = samples[samples["status"] == "ok"].assign(run=name)
        made["category"] = made["category"].replace("", "other")
        wide = _wide(scores[name], {**{card.shown: card for card in taken}, **asked})
        table = made[ABOUT].merge(wide, on=KEYS, how="left")
        if answers is not None:
            table["good"] = [answers.get((name, *_key(*each))) for each in zip(*(table[k] for k in KEYS), strict=True)]
        needed = ["good", *(card.shown for card in taken)]
        for pair_id in samples["pair_id"].unique():
            if why := _lacks(table[table["pair_id"] == pair_id], needed):
                left_out[pair_id] = f"{name}: {why}"
        frames.append(table.astype({"good": float}).dropna(subset=needed))
        pairs.append(set(samples["pair_id"]))
    for pair_id in set.union(*pairs) - set.intersection(*pairs):
        left_out.setdefault(pair_id, "not in every run")
    images = pd.concat(in_all(frames), ignore_index=True)
    images = images[~images["pair_id"].isin(list(left_out))].sort_values(["run", *KEYS], ignore_index=True)
    if images.empty:
        reasons = "; ".join(sorted(set(left_out.values()))[:3])
        raise UserError(f"These runs have no judged image in common ({reasons}). Score them with eval.score first.")
    said = f"the judge's ({asked['good'].name})" if "good" in asked else f"of people ({Path(judgement).name})"
    datasets = [run.cards.dataset for run in runs.values()]
    return Material(
        images,
        [Score(card.shown, taken.heading(card.name), "metric", card.kind, card.heading) for card in taken],
        [question for question in asked if question != "good"],
        said,
        dict(runs),
        ", ".join(sorted({card.label for card in datasets})),
        any(card.synthetic for card in datasets),
        dict(sorted(left_out.items())),
        len(set.union(*pairs)),
    )


def _metrics(common: MetricCards, wanted: Sequence[str]) -> MetricCards:
    for name in wanted:
        if name not in common:
            have = ", ".join(card.name for card in common) or "none"
            raise UserError(f"Not every run has the metric {name!r}. All have: {have}.")
    found = common.only(wanted) if wanted else common.of_kind("alignment", "fidelity")
    if not len(found):
        raise UserError("The runs have no metric of alignment or fidelity in common. Score them with eval.score first.")
    return found


def _column(common: MetricCards, judgement: str) -> MetricCard:
    match = [card for card in common if card.name == judgement or card.name.startswith(f"{judgement}/")]
    if len(match) != 1:
        what = "several scores" if match else "no score"
        some = ", ".join(card.name for card in match or common) or "none"
        raise UserError(f"The runs have {what} {judgement!r} in common. Give judgement= a CSV, or one of: {some}.")
    return match[0]


def _question(card: MetricCard) -> str:
    """Return the question of a judgement: the second word of its name, or all of a name of one word."""
    word, _, rest = card.name.partition("/")
    return rest.partition("/")[0] or word


def _wide(scores: pd.DataFrame, columns: Mapping[str, MetricCard]) -> pd.DataFrame:
    table = scores[scores["metric"].isin([card.name for card in columns.values()])]
    wide = table.pivot(index=KEYS, columns="metric", values="score")
    return pd.DataFrame({name: card.shown_score(wide[card.name]) for name, card in columns.items()}).reset_index()


def _lacks(rows: pd.DataFrame, needed: Sequence[str]) -> str | None:
    """Return the reason why a pair has no image with all needed columns; None if it has one."""
    if rows.empty:
        return "no images"
    if not rows[list(needed)].isna().any(axis=1).all():
        return None
    return next((f"no {name}" for name in needed if rows[name].isna().all()), "no image with all scores")


def _key(pair_id: str, strength: float, seed: int) -> tuple[str, str, int]:
    return pair_id, format_strength(strength), int(seed)


def _answers(file: Path, runs: Mapping[str, Run]) -> dict[tuple[str, str, str, int], float]:
    """Return each image's mean answer, by run, pair, strength and seed.

    Raises:
        UserError: a row is wrong, or names an image that the runs do not have; the message has the line.
    """
    made = {name: run.samples() for name, run in runs.items()}
    known = {(name, *_key(*row)) for name, t in made.items() for row in t[KEYS].itertuples(index=False, name=None)}
    found: dict[tuple[str, str, str, int], list[float]] = {}
    for row in read_table(file, "judgement", ["pair", "strength", "seed", "good"], ["run"]):
        where, cells = f"{file}, {row.where}", row.cells
        run = cells["run"] or (next(iter(runs)) if len(runs) == 1 else "")
        if run not in runs:
            raise UserError(f"{where}: the run is {run!r}. Give a column run with one of: {', '.join(runs)}.")
        try:
            strength, seed, good = float(cells["strength"] or ""), int(cells["seed"] or ""), float(cells["good"] or "")
        except ValueError:
            raise UserError(f"{where}: strength, seed and good are numbers, seed a whole one. Mend the row.") from None
        if not 0 <= good <= 1 or not math.isfinite(strength):
            raise UserError(f"{where}: good is {cells['good']}. It goes from 0 (bad) to 1 (good).")
        key = (run, *_key(str(cells["pair"]), strength, seed))
        if key not in known:
            raise UserError(f"{where}: the run {run} has no image of {key[1]} with strength {key[2]}, seed {seed}.")
        found.setdefault(key, []).append(good)
    return {key: sum(answers) / len(answers) for key, answers in found.items()}
