"""What is known of a pair now, and otherwise in its shard: corrections on which its images do not depend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from eval.runs.input_digest import Inputs, pixel_digest
from eval.runs.shard import Shard
from tedbench.errors import ImageError
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
    if not all(name in info for name in TABLED):  # as older versions wrote it
        rows = shard.samples()
        info |= {name: rows[name].iloc[0] for name in TABLED if len(rows)}
    found += [name for name in TABLED if (info.get(name) or "") != (getattr(entry, name) or "")]
    truth = inputs.truth(entry)
    return (*found, TRUTH) if truth is not Ellipsis and truth != truth_digest(shard) else tuple(found)


def corrected_texts(shard: Shard, entry: Entry) -> tuple[str, ...]:
    """Which of :data:`TEXTS` a shard has otherwise."""
    info = shard.info()
    return tuple(name for name in TEXTS if info.get(name) != getattr(entry, name))


def truth_digest(shard: Shard) -> str | None:
    """Of the true edit that a shard was measured against, as its ``done`` says or, in older ones, its file; None: none."""
    info = shard.info()
    if "truth" in info:
        return info["truth"]
    try:
        truth = shard.truth()
    except ImageError:
        return "damaged"  # equal to none
    return None if truth is None else pixel_digest(truth)


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


class Taken:
    """Counts the corrections that a command takes over, to say them in a line each."""

    def __init__(self) -> None:
        self._pairs: Counter[str] = Counter()
        self._metrics: dict[str, dict[str, None]] = {}

    def add(self, changed: Collection[str], metrics: Collection[str]) -> None:
        """Of one pair: what has changed, and which metrics have scores of it."""
        for name in changed:
            self._pairs[name] += 1
            self._metrics.setdefault(name, {}).update(dict.fromkeys(m for m in metrics if name in reads(m)))

    def lines(self, measured: Collection[str]) -> Iterator[str]:
        """ "source_text of 3 pairs has changed: CLIP direction is measured again".

        Args:
            measured: the names of the metrics that the command measures.
        """
        from eval.present.labels import heading

        for name, count in self._pairs.items():
            again = [heading(m, list(self._metrics[name])) for m in self._metrics[name] if m in measured]
            gone = [heading(m, list(self._metrics[name])) for m in self._metrics[name] if m not in measured]
            parts = [f"{_and(again)} measured again"] if again else []
            parts += [f"{_and(gone)} forgotten, and eval.score measures that again"] if gone else []
            said = f": {'; '.join(parts)}" if parts else ""
            yield f"{name} of {count} {'pair' if count == 1 else 'pairs'} has changed{said}"


def _and(names: list[str]) -> str:
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}"
