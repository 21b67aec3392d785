"""The few lines at the end of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from eval.present.labels import short_name, title_of
from eval.present.text import coverage, strength_cells
from runtime.tables import print_table
from tedbench.method import format_strength

if TYPE_CHECKING:
    from eval.engine.job import Job


def print_summary(job: Job, seconds: float) -> int:
    """Prints the curves as a table, failures and where things are; the last line is the run's folder.

    Returns:
        1 if any pair failed, else 0.
    """
    console, run = job.reporter.console, job.run
    table = job.curves()
    shown = Table()
    shown.add_column(job.editor.axis.symbol, justify="right")
    for metric in job.metrics:
        shown.add_column(short_name(metric, job.metrics), justify="right")
    shown.add_column("images", justify="right")
    for strength, group in table.groupby("strength"):
        shown.add_row(format_strength(float(strength)), *strength_cells(group, job.metrics), coverage(group))
    if len(table):
        job.reporter.say(title_of(run))
        print_table(console, shown)
        for metric in job.metrics:
            job.reporter.say(f"{short_name(metric, job.metrics)}: {metric.shown}")
    failed = _print_failures(job)
    done = len(job.dataset) - failed
    job.reporter.say(f"{done} of {len(job.dataset)} pairs done in {seconds / 60:.1f} min; open report.html in")
    print(run.folder, flush=True)
    return int(failed > 0)


def print_part(job: Job) -> int:
    """Prints how one command of several that share a run ended; the last line is the run's folder.

    Returns:
        1 if any of its pairs failed, else 0.
    """
    failed, run = _print_failures(job), job.run
    job.reporter.say(
        f"{job.executor.part}: {len(job.dataset) - failed} of {len(job.dataset)} pairs done. "
        f"When all parts are, `python -m eval.score run={run.folder}` makes tables, curves and report in"
    )
    print(run.folder, flush=True)
    return int(failed > 0)


def _print_failures(job: Job) -> int:
    """Prints each failed pair with its reason; returns how many there are."""
    samples = job.run.samples()
    samples = samples[samples["pair_id"].isin([entry.id for entry in job.dataset.entries])]
    failed = samples[samples["status"] != "ok"].groupby("pair_id")["reason"].first()
    for pair_id, reason in failed.items():
        job.reporter.console.print(f"[red]failed[/red] {escape(str(pair_id))}: {escape(reason)}", soft_wrap=True)
    return len(failed)
