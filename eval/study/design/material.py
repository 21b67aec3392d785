"""The material of a study: the pairs for which every run has its chosen image, and those images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from eval.analysis.common_pairs import Comparison, compare_on_common
from eval.analysis.methods import Method, open_methods
from eval.runs.config import run_hash
from eval.study.design.definition import StudyEdit, StudyMethod
from eval.study.design.images import Format, encoded, resized
from eval.study.design.screens import StudyPair
from tedbench.errors import UserError

INPUT = ""
"""Key of the input in place of a method's name."""


@dataclass(frozen=True, eq=False)
class StudyMaterial:
    """Pairs and images of a study.

    Attributes:
        dataset: label for figures.
        methods: ours first.
        all_against_all: True if every two methods are compared, not only the first with each other one.
        comparisons: (ours, opponent), the possible comparisons on a screen.
        pairs: the pairs that are shown.
        about: ``source_group`` and ``target_text`` by pair id.
        edits: the image of each method for each pair that is shown.
        files: encoded images by (pair id, method), :data:`INPUT` for the input.
        size: their side in pixels.
        left_out: the other pairs, and why.
        unchanged: by method, the number of pairs for which it returned the input exactly.
        notes: further remarks for the report.
        words: that identify a method: names of runs, methods and models.
    """

    dataset: str
    methods: tuple[StudyMethod, ...]
    all_against_all: bool
    comparisons: list[tuple[str, str]]
    pairs: list[StudyPair]
    about: dict[str, tuple[str, str]]
    edits: tuple[StudyEdit, ...]
    files: dict[tuple[str, str], bytes]
    size: int
    left_out: dict[str, str]
    unchanged: dict[str, int]
    notes: list[str]
    words: list[str]


def gather_material(
    runs: Sequence[str] | Mapping[str, str], *, all_against_all: bool, size: int | None, format: Format
) -> StudyMaterial:
    """Read the chosen images of runs and encode those that a study can show.

    A pair is shown if every run has its chosen image of it and no two images that would be compared are identical to
    the pixel (between those there is no preference to ask for); so all methods are compared on the same pairs.

    Args:
        runs: folders, or folders by the name of the method; the first is ours.
        all_against_all: compare every two methods, not only the first with each other one.
        size: side of the images in pixels; None takes the smallest of the runs', so that none is enlarged.
        format: of the encoded images.

    Raises:
        UserError: fewer than two runs, one whose images were not chosen, or no pair that can be shown.
    """
    methods = open_methods(runs, {})
    if len(methods) < 2:
        raise UserError("A study compares at least two runs. Give 'runs=[OURS, OTHER]'.")
    for method in methods:
        if method.picked.by_default:
            raise UserError(
                f"In {method.run.folder} no image was chosen for each pair. "
                f"Choose first: python -m eval.select run={method.run.folder} protocol=study."
            )
    comparison = compare_on_common(methods)
    names = [method.name for method in methods]
    comparisons = list(combinations(names, 2)) if all_against_all else [(names[0], other) for other in names[1:]]
    side = size or min(_side(method, comparison) for method in methods)
    rows = {method.name: comparison.picked(method).set_index("pair_id") for method in methods}
    left_out, unchanged = dict(comparison.left_out), dict.fromkeys(names, 0)
    pairs, about, edits, files = [], {}, [], {}
    for pair_id in comparison.pair_ids:
        images = _images(pair_id, methods, rows, side)
        same = [f"{a} and {b}" for a, b in comparisons if np.array_equal(images[a], images[b])]
        if same:
            left_out[pair_id] = f"identical images of {' and of '.join(same)}"
            continue
        for name in names:
            unchanged[name] += int(np.array_equal(images[name], images[INPUT]))
            row = rows[name].loc[pair_id]
            edits.append(StudyEdit(pair_id, name, float(row["strength"]), int(row["seed"])))
        files.update({(pair_id, name): encoded(image, format) for name, image in images.items()})
        row = rows[names[0]].loc[pair_id]
        about[pair_id] = (str(row["source_group"]), str(row["target_text"]))
        pairs.append(StudyPair(pair_id, _input_name(methods, pair_id) or about[pair_id][0]))
    if not pairs:
        first, why = next(iter(left_out.items()))
        raise UserError(f"There is no pair to show ({first}: {why}). Give runs whose images differ.")
    return StudyMaterial(
        comparison.dataset,
        tuple(StudyMethod(m.name, m.run.key, str(m.run.folder), m.picked.rule) for m in methods),
        all_against_all,
        comparisons,
        pairs,
        about,
        tuple(edits),
        files,
        side,
        dict(sorted(left_out.items())),
        unchanged,
        comparison.notes,
        [
            word
            for m in methods
            for word in (m.name, m.run.folder.name, m.run.labels["method"], m.run.labels["model"], run_hash(m.config))
            if word != "none"
        ],
    )


def _images(
    pair_id: str, methods: Sequence[Method], rows: Mapping[str, pd.DataFrame], side: int
) -> dict[str, np.ndarray]:
    """Return the input, from the run with the largest, and each method's image: (side, side, 3) uint8."""
    inputs = [method.run.shard(pair_id).input() for method in methods]
    found = {INPUT: resized(max(inputs, key=len), side)}
    for method in methods:
        image = method.run.shard(pair_id).image(rows[method.name].loc[pair_id, "image"])
        found[method.name] = resized(image, side)
    return found


def _side(method: Method, comparison: Comparison) -> int:
    return int(method.size or len(method.run.shard(comparison.pair_ids[0]).input()))


def _input_name(methods: Sequence[Method], pair_id: str) -> str | None:
    """Return a name of the input by its pixels: two files may hold one image."""
    return methods[0].run.shard(pair_id).info().get("input")
