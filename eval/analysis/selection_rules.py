"""Rules that choose one image a pair: fixed, best by a threshold, or picked by hand; and the paper's two protocols."""

from __future__ import annotations

import math
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd

from eval.analysis.selection import CHOICE_COLUMNS, Choice
from eval.runs.cards import Kind, MetricCard, MetricCards
from eval.runs.folder import Run
from tedbench.errors import UserError
from tedbench.method import Axis, format_strength
from tedbench.table import Row, read_table

Protocol = Literal["figure6", "study"]
PAPER_SEEDS = 8
"""Number of seeds from which the paper's Figure 6 shows the best."""


class Candidates(NamedTuple):
    """The images of a run that a rule may choose from.

    Attributes:
        run: the run to choose from.
        axis: the strength of the run's method, with the run's strengths as its grid.
        images: :data:`eval.analysis.selection.CHOICE_COLUMNS`, sorted by pair, strength and seed.
        without: by pair id, the reason why a pair has no image to choose.
        protocol: name of the paper's protocol that restricts the choice; None for none.
        seed: the seed to which the choice is restricted; None for all seeds.
        words: description of the restriction; "" if there is none.
    """

    run: Run
    axis: Axis
    images: pd.DataFrame
    without: dict[str, str]
    protocol: Protocol | None
    seed: int | None
    words: str

    def choice(
        self, says: str, images: pd.DataFrame, why: dict[str, str], notes: dict[str, str], **parameters: Any
    ) -> Choice:
        """Return the choice of a rule.

        Args:
            says: the rule in words; the restriction is put before it.
            images: the chosen images, with at least the columns of ``Candidates.images``.
            why: by pair id, the reason why the rule chose none of a pair's images.
            notes: by pair id, a remark on a chosen image.
            parameters: the rule's name and options.
        """
        return Choice(
            f"{self.words}: {says}" if self.words else says,
            images[list(CHOICE_COLUMNS)].sort_values("pair_id", ignore_index=True),
            dict(sorted({**self.without, **why}.items())),
            notes,
            {"protocol": self.protocol, "seed": self.seed, **parameters},
        )


def candidates(run: Run, protocol: Protocol | None = None, seed: int | None = None) -> Candidates:
    """Return the images that may be chosen: all, those of one seed, or those that a protocol of the paper allows.

    Args:
        run: the run to choose from.
        protocol: ``figure6`` allows every seed and strength of the run, ``study`` one seed, the lowest if none is given;
            None for no protocol.
        seed: restrict the choice to this seed; None for all seeds.

    Raises:
        UserError: the run has no images, or none with that seed; or a seed is given with the protocol ``figure6``.
    """
    samples, axis = run.samples(), run.axis
    made = samples[samples["status"] == "ok"]
    if not len(made):
        raise UserError(f"{run.folder} has no images to choose from. Repeat its eval.run command first.")
    seeds = sorted(int(s) for s in made["seed"].unique())
    if protocol == "figure6" and seed is not None:
        raise UserError(f"protocol=figure6 chooses among all seeds, and seed={seed} leaves one. Leave out one of them.")
    if protocol == "study" and seed is None:
        seed = seeds[0]
    if seed is not None and seed not in seeds:
        raise UserError(f"The run has no images with seed={seed}. It has seed {_listed(seeds)}.")
    images = made if seed is None else made[made["seed"] == seed]
    failed = samples[samples["status"] != "ok"].groupby("pair_id")["reason"].first()
    without = {
        str(pair): f"failed: {failed[pair]}" if pair in failed else f"has no image with seed {seed}"
        for pair in sorted(set(samples["pair_id"]) - set(images["pair_id"]))
    }
    words = {
        "figure6": f"protocol of Figure 6 (best of the run's {_count(len(seeds), 'seed')} and "
        f"{_count(len(axis.grid), 'strength')}{'' if len(seeds) == PAPER_SEEDS else f'; the paper has {PAPER_SEEDS} seeds'})",
        "study": f"protocol of the user study (seed {seed} for every pair, {axis.symbol} chosen per pair)",
        None: "" if seed is None or len(seeds) == 1 else f"seed {seed} only",
    }[protocol]
    return Candidates(run, axis, images[list(CHOICE_COLUMNS)], without, protocol, seed, words)


def fixed(among: Candidates, strength: float | None = None) -> Choice:
    """Choose the same strength and seed for every pair.

    Args:
        among: images of one seed.
        strength: None takes the run's only one.

    Raises:
        UserError: the run has no such strength, or several and none was given.
    """
    axis = among.axis
    if strength is None and len(axis.grid) > 1:
        raise UserError(f"rule=fixed needs a strength. The run has {axis.name} {_listed(axis.grid)}.")
    one = axis.grid[0] if strength is None else _strength(axis, strength)
    if one is None:
        raise UserError(f"The run has no images with strength={strength}. It has {axis.name} {_listed(axis.grid)}.")
    images = among.images[among.images["strength"] == one]
    label = f"{axis.label(one)}, seed {among.seed}"
    why = dict.fromkeys(set(among.images["pair_id"]) - set(images["pair_id"]), f"has no image with {label}")
    words = among._replace(words="")
    return words.choice(f"the same for every pair: {label}", images, why, {}, rule="fixed", strength=one)


def best(
    among: Candidates,
    threshold: float,
    below: Literal["faithful", "leave"] = "faithful",
    alignment: str | None = None,
    fidelity: str | None = None,
) -> Choice:
    """Choose each pair's image with the best alignment among those with enough fidelity.

    Ties are decided by higher fidelity, then the weaker strength, then the lower seed. An image without one of the two
    scores, or with NaN, is never chosen.

    Args:
        among: the images to choose from.
        threshold: of fidelity as it is shown, such as 1 − LPIPS.
        below: the choice for a pair without an image above the threshold: its most faithful one, or nothing.
        alignment, fidelity: columns of scores, raw or as shown; None takes the run's first metric of that kind, CLIP
            score and LPIPS if it has them.

    Raises:
        UserError: there is no such column of scores, there are several candidates, or no score can reach the threshold.
    """
    scores = among.run.scores()
    metrics = among.run.metrics.only(scores["metric"].unique())
    cards = {
        "alignment": _column(metrics, "alignment", alignment),
        "fidelity": _column(metrics, "fidelity", fidelity),
    }
    _, most = cards["fidelity"].shown_bounds
    if most is not None and threshold > most:
        what = f"{cards['fidelity'].shown_heading} is at most {most:g}"
        raise UserError(f"threshold={threshold} is never reached: {what}. Give less.")
    keys = ["pair_id", "strength", "seed"]
    table = among.images
    for what, card in cards.items():
        column = scores.loc[scores["metric"] == card.name, [*keys, "score"]]
        column = column.assign(score=card.shown_score(column["score"])).rename(columns={"score": what})
        table = table.merge(column, on=keys, how="left")
    table = table.dropna(subset=list(cards))
    faithful = _first(table[table["fidelity"] >= threshold], ["alignment", "fidelity"])
    short = table[~table["pair_id"].isin(faithful["pair_id"])]
    fallback = _first(short, ["fidelity", "alignment"])
    names = {what: card.name for what, card in cards.items()}
    shown = {what: card.shown for what, card in cards.items()}
    reach = f"{shown['fidelity']} ≥ {format_strength(threshold)}"
    why = dict.fromkeys(set(among.images["pair_id"]) - set(table["pair_id"]), "none of its images has both scores")
    notes = {}
    if below == "faithful":
        faithful = pd.concat([faithful, fallback])
        notes = {
            p: f"none reaches {format_strength(threshold)}; this is the most faithful" for p in fallback["pair_id"]
        }
        otherwise = "the most faithful"
    else:
        why |= {pair: f"none of its images reaches {format_strength(threshold)}" for pair in fallback["pair_id"]}
        otherwise = "nothing"
    words = f"highest {shown['alignment']} among images with {reach}"
    words += f"; where none has, {otherwise} ({len(fallback)} of {_count(table['pair_id'].nunique(), 'pair')})"
    return among.choice(words, faithful, why, notes, rule="best", threshold=threshold, below=below, **names)


def picks(among: Candidates, file: Path) -> Choice:
    """Return the choice made by hand.

    Args:
        among: the images to choose from.
        file: CSV or JSON with ``pair_id``, ``strength`` and ``seed``, as downloaded from picks.html; rows with both of
            the latter empty are pairs not picked. A column ``run`` must name this run.

    Raises:
        UserError: nothing is picked, a pair twice, or an image that the run does not have; the message has the line.
    """
    places = {(i.pair_id, format_strength(i.strength), i.seed): n for n, i in enumerate(among.images.itertuples())}
    lines: dict[str, str] = {}
    rows: list[int] = []
    for row in read_table(file, "picks", ["pair_id"], ["strength", "seed", "run"]):
        place = _place(among, row, file, places)
        pair = str(row.cells["pair_id"])
        if place is None:
            continue
        if pair in lines:
            raise UserError(f"{file} has the pair {pair} twice ({lines[pair]}, {row.where}). Remove one.")
        lines[pair] = row.where
        rows.append(place)
    if not rows:
        raise UserError(f"{file} has no picks. Open picks.html, click an image for each pair, and download picks.csv.")
    why = dict.fromkeys(sorted(set(among.images["pair_id"]) - set(lines)), "not picked")
    return among.choice(
        f"picked by hand ({file.name})", among.images.iloc[rows], why, {}, rule="picks", picks=file.name
    )


def _place(among: Candidates, row: Row, file: Path, places: dict[tuple[str, str, int], int]) -> int | None:
    """Return the number of a picked image; None if the row picks none."""
    pair, strength, seed, run = (row.cells[name] for name in ("pair_id", "strength", "seed", "run"))
    where, axis, images = f"{file}, {row.where}", among.axis, among.images
    if run and run != among.run.key:
        raise UserError(f"{where} is of the run {run}, and this is {among.run.key}. Give that run, or its picks.")
    pairs = list(images["pair_id"].unique())
    if pair not in pairs:
        if pair in among.without and not (strength or seed):
            return None
        reason = f"has no image of the pair {pair} ({among.without[pair]})" if pair in among.without else None
        near = get_close_matches(str(pair), pairs, 1)
        hint = "Remove the line." if reason or not near else f"Did you mean {near[0]}?"
        raise UserError(f"{where}: the run {reason or f'has no pair {pair}'}. {hint}")
    if not strength and not seed:
        return None
    number, whole = _number(strength), _number(seed)
    has = images[images["pair_id"] == pair]
    if number is None or _strength(axis, number) is None:
        raise UserError(f"{where}: the run has no strength {strength!r}. It has {axis.name} {_listed(axis.grid)}.")
    if whole is None or whole not in set(has["seed"]):
        limit = f" ({among.words})" if among.words else ""
        raise UserError(
            f"{where}: seed {seed!r} is not among those to pick{limit}. There is {_listed(has['seed'].unique())}."
        )
    place = places.get((str(pair), format_strength(number), int(whole)))
    if place is None:
        raise UserError(f"{where}: the pair has no image with {axis.label(number)}, seed {seed}. Pick another.")
    return place


def _first(table: pd.DataFrame, highest: list[str]) -> pd.DataFrame:
    """Return each pair's first row: highest scores, then weakest strength, then lowest seed."""
    order = table.sort_values([*highest, "strength", "seed"], ascending=[False] * len(highest) + [True, True])
    return order.groupby("pair_id").head(1)


def _column(metrics: MetricCards, kind: Kind, name: str | None) -> MetricCard:
    """Return the metric of a name; without one the first of a kind, if it is the only one of its heading."""
    there = ", ".join(sorted(card.name for card in metrics))
    if not there:
        raise UserError("The run has no scores. Repeat its eval.run command with metrics=standard, or another of them.")
    if name is not None:
        if name not in metrics:
            raise UserError(f"The run has no score {name}. Give {kind}= one of: {there}.")
        return metrics[name]
    of_kind = list(metrics.of_kind(kind))
    if not of_kind:
        raise UserError(f"The run has no score of {kind}. Give {kind}= one of: {there}.")
    alike = [card.name for card in of_kind if card.heading == of_kind[0].heading]
    if len(alike) > 1:
        heading = of_kind[0].heading
        raise UserError(f"The run has several scores of {kind}, {heading}. Give {kind}= one of: {', '.join(alike)}.")
    return of_kind[0]


def _strength(axis: Axis, strength: float) -> float | None:
    """Return the run's own number for a strength that is written to six digits."""
    return next((s for s in axis.grid if format_strength(s) == format_strength(strength)), None)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _listed(values: Any) -> str:
    return ", ".join(map(format_strength, values))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
