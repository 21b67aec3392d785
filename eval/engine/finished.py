"""Check whether a run has everything that a command asks for."""

from __future__ import annotations

from eval.engine.plan import examine, shards_of
from eval.engine.score_pair import lacks_scores
from eval.engine.spec import RunSpec
from eval.runs.derived import are_current
from eval.runs.files import DamagedError
from eval.runs.folder import Run
from eval.runs.listing import listed
from tedbench.errors import UserError


def is_finished(spec: RunSpec) -> bool:
    """Return True if the same command made the run, and its pairs, scores and derived files are complete and whole.

    Loads no weights and writes nothing. A run with something to report, such as a failed pair or a corrected text, is
    not finished.
    """
    if not (spec.recalled and spec.executor.part.whole):
        return False
    try:
        run = Run.open(spec.folder)
        if not are_current(run) or listed(run.folder) not in (None, frozenset(spec.dataset.listed)):
            return False
        findings = examine(run, spec.wanted())
    except (UserError, OSError, ValueError, KeyError):
        return False
    if any(not finding.settled or finding.failed is not None or finding.unreadable for finding in findings):
        return False
    return not any(
        lacks_scores(shard, spec.metric_names) or any(isinstance(table, DamagedError) for table in shard.score_tables())
        for shard in shards_of(run, spec.dataset)
    )
