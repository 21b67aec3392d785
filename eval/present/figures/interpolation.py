"""Along η: the paper's Figure 5 (smooth interpolation), Figure 7 (pretrained against fine-tuned) and its supplement's
numbers of embedding steps. All at one seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from eval.analysis.methods import Method
from eval.present.figures.material import Drawn, Material, along_strengths, thinned
from eval.present.figures.pictures import Block, Row
from tedbench.errors import UserError

TUNING = (
    "method.name",
    "method.finetune",
    "method.upscaler",
    "method.variant.finetune",
    "method.variant.lora_rank",
    "method.variant.optimizer",
)
"""Settings of a run in which pretrained and fine-tuned may differ."""
STEPS = "method.embedding.steps"


def smooth(material: Material) -> Drawn:
    """Return a block for each pair: the input, then its edits as the strength increases."""
    method = material.method
    caption = [f"Smooth interpolation: increasing {method.axis.symbol} edits the input gradually (paper, Figure 5)."]
    return _rows(material, {"": [(method, "")]}, caption)


def tuned(material: Material) -> Drawn:
    """Return a block for each pair: pretrained above, fine-tuned below.

    Raises:
        UserError: the runs are not one of each that differ in fine-tuning alone.
    """
    rows = sorted((fine_tuned(method), number) for number, method in enumerate(_of_imagic(material)))
    if [tuned for tuned, _ in rows] != [False, True]:
        has = ", ".join(f"{m.run.folder}: {'fine-tuned' if fine_tuned(m) else 'pre-trained'}" for m in material.methods)
        raise UserError(
            f"figure=7 needs one run with fine-tuning and one without ({has}). This makes both: {material.remake()}"
        )
    _differ_only(material, TUNING)
    methods = [(material.methods[n], "fine-tuned" if tuned else "pre-trained") for tuned, n in rows]
    caption = [
        "Varying η with the same seed and the same settings of the embedding's optimisation, using the pre-trained (top) "
        "and the fine-tuned (bottom) model, as in the paper's Figure 7."
    ]
    return _rows(material, {"": methods}, caption)


def steps(material: Material) -> Drawn:
    """Return a row for each number of embedding steps; for each pair a block without fine-tuning and one with it.

    Raises:
        UserError: the runs do not differ in their steps, or in more than them and fine-tuning.
    """
    keys = [(fine_tuned(method), int(_fit(method)[STEPS])) for method in _of_imagic(material)]
    if len({number for _, number in keys}) < 2 or len(set(keys)) < len(keys):
        has = ", ".join(f"{m.run.folder}: {number}" for m, (_, number) in zip(material.methods, keys, strict=True))
        raise UserError(
            f"figure=embedding_steps needs runs of different numbers of embedding steps ({has}). "
            f"This makes them: {material.remake()}"
        )
    _differ_only(material, (*TUNING, STEPS))
    rows: dict[str, list[tuple[Method, str]]] = {}
    for (tuned, number), method in sorted(zip(keys, material.methods, strict=True), key=lambda each: each[0]):
        rows.setdefault("fine-tuned" if tuned else "pre-trained", []).append((method, f"{number} steps"))
    caption = ["η (columns) against the number of steps of the embedding's optimisation (rows)."]
    return _rows(material, rows, caption)


def fine_tuned(method: Method) -> bool:
    """True if a run of Imagic changed the model's weights."""
    about = method.config["fit"]["method"]
    variant = about.get("variant") or {}
    return bool(variant.get("finetune") != "none" and about["finetune"]["steps"] > 0)


def _of_imagic(material: Material) -> list[Method]:
    for method in material.methods:
        if not {"embedding", "finetune"} <= set(method.config["fit"].get("method") or {}):
            raise UserError(
                f"figure={material.wishes.figure} is of Imagic, and {method.run.folder} is a run of "
                f"{method.run.labels['method']}. This makes what it needs: {material.remake()}"
            )
    return material.methods


def _fit(method: Method) -> dict[str, Any]:
    """Return the settings that decide a run's images, by dotted names."""
    (found,) = pd.json_normalize(method.config["fit"]).to_dict("records")
    return {str(key): value for key, value in found.items()}


def _differ_only(material: Material, allowed: Sequence[str]) -> None:
    first = material.methods[0]
    for other in material.methods[1:]:
        one, two = _fit(first), _fit(other)
        for key in sorted(one.keys() & two.keys()):
            if one[key] != two[key] and not any(key == name or key.startswith(f"{name}.") for name in allowed):
                raise UserError(
                    f"{first.run.folder} and {other.run.folder} differ in {key} ({one[key]}, {two[key]}), which "
                    f"figure={material.wishes.figure} keeps the same. This makes such runs: {material.remake()}"
                )


def _rows(material: Material, groups: Mapping[str, Sequence[tuple[Method, str]]], caption: list[str]) -> Drawn:
    """Return for each pair a block of every group, with a row for each run, all at the same seed and strengths.

    Args:
        material: the runs.
        groups: runs with their labels, by the addition to the titles.
        caption: lines below the figure.
    """
    seed, axis = material.seed(), material.methods[0].axis
    each = []
    for method in material.methods:
        rows = material.images(method)
        each.append({pair_id: set(own["strength"]) for pair_id, own in rows[rows["seed"] == seed].groupby("pair_id")})
    have = {str(pair_id): set.intersection(*(own.get(pair_id, set()) for own in each)) for pair_id in each[0]}
    strengths, pairs, left_out = along_strengths(material, have)
    strengths, pairs = thinned(strengths, material.wishes.tiles - 1), material.first(pairs)
    heads = ["input", *map(axis.label, strengths)]
    blocks = []
    for pair_id in pairs:
        for words, methods in groups.items():
            lines: list[Row] = []
            for method, label in methods:
                edits = [material.tile(method, pair_id, strength, seed) for strength in strengths]
                lines.append(Row([None if lines else material.input_tile(pair_id), *edits], label))
            blocks.append(Block(", ".join(filter(None, [f"“{material.texts[pair_id]}”", words])), lines, heads))
    return Drawn(blocks, [*caption, f"Seed {seed} throughout."], pairs, left_out)
