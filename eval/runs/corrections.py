"""Corrections: texts, groups, true edits and masks of a pair that differ between the list and the pair's shard."""

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
MASK = "mask"


def corrections(shard: Shard, entry: Entry, inputs: Inputs) -> tuple[str, ...]:
    """Return the names of a pair's corrections: fields of :data:`TEXTS` and :data:`TABLED`, and :data:`TRUTH`.

    Another mask under the same name is a correction of the field :data:`MASK`. A true edit or mask that cannot be read
    now is none.

    Args:
        shard: the pair's shard, which must exist.
        entry: the pair, as the list has it now.
        inputs: digests of the dataset's pictures.
    """
    found = [*corrected_texts(shard, entry)]
    info = shard.info()
    found += [name for name in TABLED if (info.get(name) or "") != (getattr(entry, name) or "")]
    mask = inputs.mask(entry)
    if MASK not in found and mask is not Ellipsis and mask != region_digest(shard):
        found.append(MASK)
    truth = inputs.truth(entry)
    return (*found, TRUTH) if truth is not Ellipsis and truth != truth_digest(shard) else tuple(found)


def corrected_texts(shard: Shard, entry: Entry) -> tuple[str, ...]:
    """Return the names of the :data:`TEXTS` that differ from the shard's."""
    info = shard.info()
    return tuple(name for name in TEXTS if info.get(name) != getattr(entry, name))


def truth_digest(shard: Shard) -> str | None:
    """Return the digest of the true edit that a shard was measured against; None if there is none."""
    digest: str | None = shard.info().get("truth")
    return digest


def region_digest(shard: Shard) -> str | None:
    """Return the digest of the mask that a shard's pair had; None if there was none."""
    digest: str | None = shard.info().get("region")
    return digest


def depends(metrics: MetricCards, metric: str, corrected: Collection[str]) -> bool:
    """Return True if a metric's scores may depend on a correction, or if the metric has no card.

    Args:
        metrics: the cards of the run.
        metric: its raw name.
        corrected: names returned by :func:`corrections`.
    """
    if metric not in metrics:
        return True
    return any((TRUTH if part == "truth" else part) in corrected for part in metrics[metric].reads)
