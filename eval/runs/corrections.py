"""What is known of a pair now, and otherwise in its shard: corrections on which its images do not depend."""

from __future__ import annotations

from collections.abc import Collection

from eval.runs.cards import MetricCards
from eval.runs.input_digest import Inputs
from eval.runs.shard import Shard
from tedbench.pair import Entry

TEXTS = Entry.fields(tables_only=False)
TABLED = Entry.fields(tables_only=True)
"""Fields that only tables and intervals use."""

TRUTH = "true edit"


def corrections(shard: Shard, entry: Entry, inputs: Inputs) -> tuple[str, ...]:
    """The names of what a list says of a pair otherwise than its shard: texts, groups and :data:`TRUTH`.

    A true edit that cannot be read now counts as the one that the shard has.

    Raises:
        DamagedError: the shard's table is not as it was written.
    """
    found = [*corrected_texts(shard, entry)]
    info = shard.info()
    found += [name for name in TABLED if (info.get(name) or "") != (getattr(entry, name) or "")]
    truth = inputs.truth(entry)
    return (*found, TRUTH) if truth is not Ellipsis and truth != truth_digest(shard) else tuple(found)


def corrected_texts(shard: Shard, entry: Entry) -> tuple[str, ...]:
    """Which of :data:`TEXTS` a shard has otherwise."""
    info = shard.info()
    return tuple(name for name in TEXTS if info.get(name) != getattr(entry, name))


def truth_digest(shard: Shard) -> str | None:
    """Return the digest of the true edit that a shard was measured against; None if there is none."""
    digest: str | None = shard.info().get("truth")
    return digest


def depends(metrics: MetricCards, metric: str, corrected: Collection[str]) -> bool:
    """Tell whether a metric's scores may depend on something that was corrected; True where its card is not known.

    Args:
        metrics: the cards of the run.
        metric: its raw name.
        corrected: names of :func:`corrections`.
    """
    if metric not in metrics:
        return True
    return any((TRUTH if part == "truth" else part) in corrected for part in metrics[metric].reads)
