"""Repair of a run's folder."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from eval.engine.plan import Finding
from eval.engine.progress import Reporter
from eval.runs.corrections import MASK, TRUTH
from eval.runs.writer import RunWriter
from tedbench.datasets.base import Dataset
from tedbench.errors import PairError


def repair(run: RunWriter, dataset: Dataset, findings: Sequence[Finding], reporter: Reporter) -> None:
    """Take over corrections, complete the rows of failed pairs, and rewrite damaged shards from undamaged files.

    If the input of a damaged shard cannot be read, the shard keeps its undamaged files, and its missing images are
    marked as failed.
    """
    for finding in findings:
        entry = finding.entry
        if finding.corrected:
            pair = None
            if {TRUTH, MASK}.intersection(finding.corrected):
                with suppress(PairError):  # what the shard has stays; the error is reported elsewhere
                    pair = dataset.load(entry)
            run.correct(entry, pair)
        if finding.unfilled:
            run.write_failure(entry, finding.unfilled, finding.failed or "", unread=finding.unread)
        if finding.rewrite:
            _rewrite(run, dataset, finding, reporter)


def _rewrite(run: RunWriter, dataset: Dataset, finding: Finding, reporter: Reporter) -> None:
    entry = finding.entry
    try:
        pair = dataset.load(entry)
    except PairError as error:
        reporter.say(f"{entry.id} cannot be repaired: {error}")
        if finding.requests:
            run.write_failure(entry, finding.requests, str(error), unread=True)
            run.event("failure", pair=entry.id, reason=str(error))
    else:
        run.write_shard(pair, [])
