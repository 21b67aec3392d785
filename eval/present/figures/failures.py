"""The paper's Figure 10: failure cases, found by stated rules from the scores of one seed along the strength."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from eval.analysis.strength_curves import along
from eval.present.figures.material import FigureContent, FigureMaterial, along_strengths, thinned
from eval.present.figures.pictures import Block, ImageRow
from eval.runs.cards import MetricCard
from tedbench.errors import UserError


class FailureKind(NamedTuple):
    """A kind of failure: the word for its measure, its title, and its rule."""

    word: str
    title: str
    rule: str


LEAST = FailureKind(
    "gained",
    "Least alignment gained",
    "the highest alignment along the strength less that at the weakest strength; the highest is framed.",
)
LOST = FailureKind(
    "lost",
    "Most fidelity lost before the edit",
    "fidelity at the weakest strength less that at the last strength before alignment has risen by half of its gain, among "
    "pairs that gain at least the median; that last strength is framed.",
)


class Measure(NamedTuple):
    """A gain or loss, and the strength at which it is read."""

    value: float
    strength: float


class PairFailure(NamedTuple):
    """A pair's measures, by the rules of :data:`LEAST` and :data:`LOST`."""

    gained: Measure
    lost: Measure


def case(alignment: pd.Series, fidelity: pd.Series) -> PairFailure:
    """Return a pair's measures from its scores by strength, ascending and the same in both."""
    start, highest = alignment.iloc[0], alignment.idxmax()
    gained = alignment[highest] - start
    risen = (alignment.iloc[1:] >= start + gained / 2).to_numpy()
    before = fidelity.index[
        risen.argmax()
    ]  # the last strength before; where none rises the weakest, at which nothing is lost
    return PairFailure(Measure(gained, highest), Measure(fidelity.iloc[0] - fidelity[before], before))


def failures(material: FigureMaterial) -> FigureContent:
    """Return pairs of each kind of failure, worst first: each along the strength with both scores under every image.

    Raises:
        UserError: the run lacks alignment, fidelity or several strengths.
    """
    seed, options, folder = material.seed(), material.options, material.method.run.folder
    found = along(material.comparison).shown
    if not {"alignment", "fidelity"} <= found.keys():
        raise UserError(
            f"figure=10 needs a score of alignment and one of fidelity, and {folder} has only "
            f"{', '.join(card.shown for card in found.values())}. Add them: python -m eval.score run={folder} metrics=standard"
        )
    cards = [found["alignment"], found["fidelity"]]
    names = [card.shown for card in cards]
    table = _by_pair(material, seed, cards)
    have = {str(pair_id): set(own.loc[pair_id].index) for pair_id, own in table.groupby(level="pair_id")}
    if len(shared := set.intersection(*have.values())) > 1:
        have = dict.fromkeys(have, shared)
    strengths, pairs, left_out = along_strengths(material, have, "scores")
    cases = {}
    for pair_id in pairs:
        own = table.loc[pair_id].loc[strengths]
        cases[pair_id] = case(own[names[0]], own[names[1]])
    median = statistics.median(each.gained.value for each in cases.values())
    least = sorted(cases, key=lambda pair_id: cases[pair_id].gained.value)[: options.rows]
    arrived = [pair_id for pair_id, each in cases.items() if each.gained.value >= median and each.lost.value > 0]
    lost = sorted(arrived, key=lambda pair_id: -cases[pair_id].lost.value)[: options.rows]
    shown = thinned(strengths, options.tiles - 1)
    blocks = [_block(material, table.loc[p], p, shown, LEAST, cases[p].gained, p == least[0]) for p in least]
    blocks += [_block(material, table.loc[p], p, shown, LOST, cases[p].lost, p == lost[0]) for p in lost]
    caption = [
        f"Failure cases, as in the paper's Figure 10, among {len(cases)} pairs at seed {seed}. "
        f"A: alignment, {names[0]}; F: fidelity, {names[1]}.",
        f"{LEAST.title}, smallest first: {LEAST.rule}",
        f"{LOST.title}, largest first: {LOST.rule}",
    ]
    if not lost:
        caption.append("No such pair lost any fidelity before the edit.")
    return FigureContent(blocks, caption, list(dict.fromkeys([*least, *lost])), left_out)


def _by_pair(material: FigureMaterial, seed: int, cards: Sequence[MetricCard]) -> pd.DataFrame:
    """Return shown scores, a column a metric, by pair and strength; only where both exist."""
    table = material.method.scores()
    table = table[(table["seed"] == seed) & table["pair_id"].isin(material.comparison.pair_ids)]
    columns = {}
    for card in cards:
        rows = table[table["metric"] == card.name].set_index(["pair_id", "strength"])
        columns[card.shown] = card.shown_score(rows["score"])
    return pd.DataFrame(columns).dropna().sort_index()


def _block(
    material: FigureMaterial,
    table: pd.DataFrame,
    pair_id: str,
    strengths: Sequence[float],
    kind: FailureKind,
    measure: Measure,
    first: bool,
) -> Block:
    """Return a failure: its pair along the strength, where the measured image, framed, replaces the nearest one."""
    nearest = min(strengths, key=lambda strength: abs(strength - measure.strength))
    tiles = []
    shown = [measure.strength if strength == nearest else strength for strength in strengths]
    for strength in shown:
        alignment, fidelity = values = table.loc[strength]
        tiles.append(
            material.tile(
                material.method,
                pair_id,
                strength,
                material.seed(),
                f"A {alignment:.2f}\nF {fidelity:.2f}",
                framed=strength == measure.strength,
                **dict(values),
                kind=kind.word,
                value=measure.value,
                framed_by=kind.title if strength == measure.strength else "",
            )
        )
    title = f"“{material.texts[pair_id]}”, {kind.word} {measure.value:.3f}"
    heads = ["input", *map(material.method.axis.label, shown)]
    return Block(title, [ImageRow([material.input_tile(pair_id), *tiles])], heads, kind.title if first else "")
