"""Multiple edit options: the paper's Figure 4 (one edit with several seeds) and its supplement's seeds against η."""

from __future__ import annotations

from eval.present.figures.material import Drawn, Material, along_strengths, most, thinned
from eval.present.figures.pictures import Block, Row, Tile
from tedbench.errors import UserError

MOST = 8
"""Largest number of seeds below each other: as many as the paper tries."""


def seeds(material: Material) -> Drawn:
    """Return a block for each pair: the input, then one strength with each seed.

    Raises:
        UserError: the run has one seed.
    """
    method = material.method
    rows = material.images(method)
    picked = material.standing(rows.groupby("strength")["seed"].nunique())
    at = picked.images.set_index("pair_id")["strength"]
    rows = rows[rows["strength"] == rows["pair_id"].map(at)]
    have = {str(pair_id): set(map(int, own["seed"])) for pair_id, own in rows.groupby("pair_id")}
    drawn = _several(material, most(have))
    complete = [pair_id for pair_id, own in have.items() if set(drawn) <= own]
    pairs, left_out = material.having(complete, lambda _: "lacks some of the seeds at that strength")
    pairs, drawn = material.first(pairs), drawn[: material.wishes.tiles - 1]
    blocks = []
    for pair_id in pairs:
        edits = [material.tile(method, pair_id, at[pair_id], seed) for seed in drawn]
        title = f"“{material.texts[pair_id]}”, {method.axis.label(at[pair_id])}"
        blocks.append(Block(title, [Row([material.input_tile(pair_id), *edits])], ["input", *map(_name, drawn)]))
    caption = ["Multiple edit options: the same edit with different random seeds, as in the paper's Figure 4."]
    return Drawn(blocks, [*caption, f"Strength: {picked.rule}; shown with every seed."], pairs, left_out)


def seeds_along(material: Material) -> Drawn:
    """Return a block for each pair: a row for each seed along the strength.

    Raises:
        UserError: the run has one seed.
    """
    method = material.method
    rows = material.images(method)
    everyone = {str(pair_id): set(map(int, own["seed"])) for pair_id, own in rows.groupby("pair_id")}
    drawn = _several(material, most(everyone))
    have = {}
    for pair_id, own in rows[rows["seed"].isin(drawn)].groupby("pair_id"):
        seeds_of = own.groupby("strength")["seed"].nunique()
        have[str(pair_id)] = set(seeds_of.index[seeds_of == len(drawn)])
    strengths, pairs, left_out = along_strengths(material, have)
    pairs, strengths, drawn = material.first(pairs), thinned(strengths, material.wishes.tiles - 1), drawn[:MOST]
    blocks = []
    for pair_id in pairs:
        lines: list[Row] = []
        for seed in drawn:
            first: Tile | None = None if lines else material.input_tile(pair_id)
            edits = [material.tile(method, pair_id, strength, seed) for strength in strengths]
            lines.append(Row([first, *edits], _name(seed)))
        blocks.append(Block(f"“{material.texts[pair_id]}”", lines, ["input", *map(method.axis.label, strengths)]))
    caption = [f"Random seeds (rows) against {method.axis.symbol} (columns)."]
    return Drawn(blocks, caption, pairs, left_out)


def _several(material: Material, found: list[int]) -> list[int]:
    if len(found) < 2:
        raise UserError(
            f"figure={material.wishes.figure} needs several seeds at one strength, and {material.method.run.folder} has "
            f"one. This makes them: {material.remake()}"
        )
    return found


def _name(seed: int) -> str:
    return f"seed {seed}"
