"""The few lines at the end of a run."""

from __future__ import annotations

from collections.abc import Collection

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from eval.analysis.curves import curve_table
from eval.analysis.unscored import split_unscored
from eval.present.text import coverage, strength_cells
from eval.runs.cards import MetricCards
from eval.runs.folder import Run
from runtime.tables import print_table
from tedbench.method import format_strength


def print_summary(
    run: Run,
    pair_ids: Collection[str],
    metrics: MetricCards,
    console: Console,
    seconds: float,
    told: Collection[str] = (),
) -> int:
    """Print the curves as a table, failures of earlier commands and the place of the results; the last line is the run's folder.

    Args:
        run: with its scores.
        pair_ids: the pairs of the command.
        metrics: the columns of the table.
        console: to print to.
        seconds: duration of the command.
        told: failed pairs that the command has printed already.

    Returns:
        1 if any of these pairs failed, else 0.
    """
    table, shown, scores = curve_table(run), Table(), run.scores()
    _, unscored = split_unscored(scores[scores["metric"].isin([card.name for card in metrics])], metrics)
    table = table[table["metric"].isin([card.shown for card in metrics])]
    metrics = metrics.only(table["metric"].unique())
    shown.add_column(run.axis.symbol, justify="right")
    for metric in metrics:
        shown.add_column(escape(metrics.short_name(metric.name)), justify="right")
    shown.add_column("images", justify="right")
    for strength, group in table.groupby("strength"):
        shown.add_row(format_strength(float(strength)), *strength_cells(group, metrics), coverage(group, metrics))
    if len(table):
        _say(console, run.title)
        print_table(console, shown)
        for metric in metrics:
            _say(console, f"{metrics.short_name(metric.name)}: {metric.shown}")
    for line in unscored:
        _say(console, line)
    failed = _print_failures(run, pair_ids, console, told)
    done = len(pair_ids) - failed
    _say(console, f"{done} of {len(pair_ids)} pairs done in {seconds / 60:.1f} min; open report.html in")
    print(run.folder, flush=True)
    return int(failed > 0)


def print_part(run: Run, pair_ids: Collection[str], part: str, console: Console, told: Collection[str] = ()) -> int:
    """Print the result of one command of several that share a run; the last line is the run's folder.

    Args:
        run: that the commands share.
        pair_ids: the pairs of this command.
        part: its name, such as "part 1 of 8".
        console: to print to.
        told: failed pairs that the command has printed already.

    Returns:
        1 if any of its pairs failed, else 0.
    """
    failed = _print_failures(run, pair_ids, console, told)
    _say(
        console,
        f"{part}: {len(pair_ids) - failed} of {len(pair_ids)} pairs done. "
        f"When all parts are, `python -m eval.score run={run.folder}` makes tables, curves and report in",
    )
    print(run.folder, flush=True)
    return int(failed > 0)


def _print_failures(run: Run, pair_ids: Collection[str], console: Console, told: Collection[str]) -> int:
    """Print each failed pair that was not told of, with its reason; return the number of all that failed."""
    samples = run.samples()
    samples = samples[samples["pair_id"].isin(pair_ids)]
    failed = samples[samples["status"] != "ok"].groupby("pair_id")["reason"].first()
    for pair_id, reason in failed.drop(failed.index.intersection(list(told))).items():
        console.print(f"[red]failed[/red] {escape(str(pair_id))}: {escape(reason)}", soft_wrap=True)
    return len(failed)


def _say(console: Console, text: str) -> None:
    console.print(escape(text), soft_wrap=True)
