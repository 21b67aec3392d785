"""All files beside a run's shards: made from its folder alone, and made again at any time."""

from __future__ import annotations

import time

import pandas as pd

from eval.analysis.curves import curve_table
from eval.runs.derived import RECORD, record_of
from eval.runs.folder import Run
from eval.runs.pairs import RunPairs
from eval.runs.writer import RunWriter


def write_outputs(writer: RunWriter) -> None:
    """Write tables, curves, strips and report of all that a run has.

    Raises:
        UserError: the run has no pairs, or the disk is full or not writable.
    """
    from eval.present.figures.curves import draw_run
    from eval.present.figures.strips import draw_strips

    start = time.monotonic()
    run = writer.reader()
    writer.write_tables()
    dataset, table, axis = RunPairs(run), curve_table(run), run.axis
    draw_run(run, table, axis)
    draw_strips(run, dataset, axis)
    _write_report(writer, run, dataset, table)
    writer.write_json(RECORD, record_of(run))
    writer.event("report", seconds=round(time.monotonic() - start, 2))


def write_report(writer: RunWriter) -> None:
    """Write the report alone, of all that the run has."""
    run = writer.reader()
    _write_report(writer, run, RunPairs(run), curve_table(run))


def _write_report(writer: RunWriter, run: Run, dataset: RunPairs, table: pd.DataFrame) -> None:
    from eval.present.report.build import write_report

    write_report(writer, run, table, dataset)
