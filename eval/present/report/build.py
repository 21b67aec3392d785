"""A run's own report.html."""

from __future__ import annotations

import pandas as pd

from eval.analysis.curves import of_most_pairs
from eval.analysis.service import service_notes
from eval.analysis.shapes import movement_notes, shape_notes, size_notes
from eval.analysis.unscored import split_unscored
from eval.present.report.gallery import RunView
from eval.present.report.page import choice_of, page
from eval.present.text import fewer_pairs
from eval.runs.folder import Run
from eval.runs.writer import RunWriter
from tedbench.datasets.base import Dataset


def write_report(writer: RunWriter, run: Run, table: pd.DataFrame, dataset: Dataset) -> None:
    """Write ``report.html`` into a run's folder; links are relative, so that the folder can be moved as a whole.

    Args:
        writer: of the folder.
        run: the same run, read.
        table: its curve table.
        dataset: its pairs.
    """
    choice, notes = choice_of(run)
    samples, scores, name = run.samples(), run.scores(), run.labels["method"]
    metrics, unscored = split_unscored(scores, run.metrics)
    _, others = of_most_pairs(table)
    fewer = [f"Curves: {fewer_pairs(others, run.axis)}"] * bool(others)
    failed = samples[samples["status"] != "ok"].drop_duplicates("pair_id").set_index("pair_id")["reason"]
    geometry = [
        *shape_notes(samples),
        *size_notes(samples),
        *movement_notes(scores, metrics),
        *service_notes(run.events()),
    ]
    text = page(
        f"{name} on {dataset.label}",
        run.cards.dataset,
        dataset.entries,
        [RunView(name, run, run.axis, metrics, table, samples, scores, choice=choice)],
        incomplete={entry.id: failed[entry.id] for entry in dataset.entries if entry.id in failed},
        n_expected=run.expected_pairs,
        absent="not run yet",
        curves=(run.folder / "curves.png").exists(),
        notes=[*notes, *unscored, *fewer, *geometry],
    )
    writer.write_text("report.html", text)
