"""Writes a run's own report.html."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from eval.metrics.base import Metric
from eval.present.report.gallery import Shown
from eval.present.report.page import choice_of, page
from eval.runs.folder import Run
from eval.runs.writer import RunWriter
from tedbench.datasets.base import Dataset
from tedbench.geometry import GEOMETRIES, Size

WAYS = {
    "crop": "made from its centre square, and cut to their own",
    "squash": "the whole input squashed, and are stretched to its shape before they are cut",
    "pad": "the whole input between bars, which are cut off",
}
"""What each geometry takes edits of another shape for."""


def shape_notes(samples: pd.DataFrame) -> list[str]:
    """What is to be said of edits that were made elsewhere in another shape than their inputs.

    Args:
        samples: rows of a run.
    """
    read = samples[samples["edit_size"] != ""]
    sizes = [(_size(row.edit_size), _size(row.input_size), row) for row in read.itertuples() if row.input_size]
    other = [row for edited, original, row in sizes if not edited.same_aspect(original)]
    return [
        f"{len(own)} of {len(read)} edited images have another shape than their input, such as {own[0].edit_size} of "
        f"{own[0].input_size} ({own[0].pair_id}). They are taken as {WAYS[geometry]} (method.geometry={geometry})."
        for geometry in GEOMETRIES
        if (own := [row for row in other if row.geometry == geometry])
    ]


def _size(text: str) -> Size:
    width, _, height = text.partition("×")
    return Size(int(width), int(height))


def write_report(writer: RunWriter, run: Run, table: pd.DataFrame, metrics: Sequence[Metric], dataset: Dataset) -> None:
    """Write ``report.html`` into a run's folder; links are relative, so that the folder can be moved as a whole.

    Args:
        writer: of the folder.
        run: the same run, read.
        table: its curve table.
        metrics: to show.
        dataset: its pairs.
    """
    choice, notes = choice_of(run)
    samples, scores, name = run.samples(), run.scores(), run.labels["method"]
    failed = samples[samples["status"] != "ok"].drop_duplicates("pair_id").set_index("pair_id")["reason"]
    text = page(
        f"{name} on {dataset.label}",
        dataset.label,
        dataset.entries,
        [Shown(name, run, run.axis, metrics, table, samples, scores, choice=choice)],
        incomplete={entry.id: failed[entry.id] for entry in dataset.entries if entry.id in failed},
        n_expected=run.expected_pairs,
        absent="not run yet",
        curves=(run.folder / "curves.png").exists(),
        notes=[*notes, *shape_notes(samples)],
    )
    writer.write_text("report.html", text)
