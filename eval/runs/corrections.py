"""What is known of a pair now, and otherwise in its shard: corrections on which its images do not depend."""

from __future__ import annotations

from collections.abc import Mapping

from eval.runs.input_digest import Inputs
from eval.runs.shard import Shard
from tedbench.pair import Entry

TEXTS = ("source_text", "source_object", "target_object")
TABLED = ("category",)
"""What only tables and intervals use."""

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


def reads(metric: str) -> frozenset[str]:
    """What of a pair that can be corrected a metric's scores may depend on, by its name; of a stranger's metric, all."""
    kind, rest = metric.partition("/")[0], metric
    found: frozenset[str] = frozenset()
    while kind.startswith("truth-"):
        found, rest = found | {TRUTH}, rest.removeprefix("truth-")
        kind = rest.partition("/")[0]
    return found | READ.get(kind, frozenset({TRUTH, *TEXTS}))


READ: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("clip", "clip-i", "lpips", "dino", "psnr", "ssim"), frozenset()),
    "clip-direction": frozenset({"source_text"}),
    "judge": frozenset({TRUTH}),
}
"""What the project's own metrics read beside input, target text and edited image, by the first word of their names."""
