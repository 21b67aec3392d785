"""Writes a run's own report.html."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from eval.metrics.base import Metric
from eval.report.gallery import Shown
from eval.report.page import choice_of, page
from eval.shapes import shape_notes
from eval.store import Run
from tedbench.datasets.base import Dataset
from tedbench.method import Axis


def write_report(
    run: Run,
    table: pd.DataFrame,
    axis: Axis,
    metrics: Sequence[Metric],
    dataset: Dataset,
    n_expected: int | None = None,
) -> None:
    """Writes ``report.html`` into the run's folder; links are relative, so that the folder can be moved as a whole.

    Args:
        run: whose report it is.
        table: its curve table.
        axis: its strength.
        metrics: to show.
        dataset: the pairs to show; one that the run has not reached is shown as such.
        n_expected: how many pairs there should be; all of ``dataset`` by default.
    """
    choice, notes = choice_of(run)
    ids = [entry.id for entry in dataset.entries]
    samples, scores = run.samples(), run.scores()
    samples, scores = samples[samples["pair_id"].isin(ids)], scores[scores["pair_id"].isin(ids)]
    grid = samples.loc[samples["status"] == "ok", "strength"].unique()
    axis = Axis(axis.name, axis.symbol, tuple(sorted(map(float, grid))), axis.identity, axis.fixed)
    failed = samples[samples["status"] != "ok"].drop_duplicates("pair_id").set_index("pair_id")["reason"]
    reached = set(samples["pair_id"])
    reasons = {id: failed.get(id, "not run yet") for id in ids if id in failed or id not in reached}
    text = page(
        f"{run.labels['method']} on {dataset.label}",
        dataset.label,
        dataset.entries,
        [Shown(run.labels["method"], run, axis, metrics, table, samples, scores, choice=choice)],
        incomplete=reasons,
        n_expected=len(ids) if n_expected is None else n_expected,
        absent="not run yet",
        curves=(run.folder / "curves.png").exists(),
        notes=[*notes, *shape_notes(samples)],
    )
    run.write_text("report.html", text)
