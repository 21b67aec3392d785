"""Mends what was found wrong with a run's folder."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from eval.engine.plan import Finding
from eval.engine.progress import Reporter
from eval.runs.corrections import TRUTH
from eval.runs.writer import RunWriter
from tedbench.datasets.base import Dataset
from tedbench.errors import PairError


def repair(run: RunWriter, dataset: Dataset, findings: Sequence[Finding], reporter: Reporter) -> None:
    """Take corrections over, complete the rows of failed pairs, and write damaged shards again from what is whole.

    A damaged shard whose source image is lost too keeps what is whole of it; what it lacks has then failed.
    """
    for finding in findings:
        entry = finding.entry
        if finding.corrected:
            pair = None
            if TRUTH in finding.corrected:
                with suppress(PairError):  # its true edit stays, and is reported
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
        reporter.say(f"{entry.id} cannot be mended: {error}")
        if finding.requests:
            run.write_failure(entry, finding.requests, str(error), unread=True)
            run.event("failure", pair=entry.id, reason=str(error))
    else:
        run.write_shard(pair, [])
