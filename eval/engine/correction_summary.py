"""Messages about the corrections that a command takes over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator

from eval.runs.cards import MetricCards
from eval.runs.corrections import depends


class CorrectionSummary:
    """Summary of the corrections that a command takes over, described in one line each.

    Args:
        metrics: the cards of the run.
    """

    def __init__(self, metrics: MetricCards) -> None:
        self._cards = metrics
        self._pairs: Counter[str] = Counter()
        self._metrics: dict[str, dict[str, None]] = {}

    def add(self, changed: Collection[str], metrics: Collection[str]) -> None:
        """Count the corrections of one pair.

        Args:
            changed: names of the corrected texts, groups or true edit, see :mod:`eval.runs.corrections`.
            metrics: names of the metrics that have scores of the pair.
        """
        for name in changed:
            self._pairs[name] += 1
            again = [metric for metric in metrics if depends(self._cards, metric, {name})]
            self._metrics.setdefault(name, {}).update(dict.fromkeys(again))

    def lines(self, measured: Collection[str]) -> Iterator[str]:
        """Yield lines such as "source_text of 3 pairs has changed: CLIP direction is measured again".

        Args:
            measured: the names of the metrics that the command measures.
        """
        for name, count in self._pairs.items():
            cards = self._cards.only(self._metrics[name])
            again = [cards.heading(metric) for metric in self._metrics[name] if metric in measured]
            gone = [cards.heading(metric) for metric in self._metrics[name] if metric not in measured]
            parts = [f"{_and(again)} measured again"] if again else []
            parts += [f"{_and(gone)} forgotten, and eval.score measures that again"] if gone else []
            said = f": {'; '.join(parts)}" if parts else ""
            yield f"{name} of {count} {'pair' if count == 1 else 'pairs'} has changed{said}"


def _and(names: list[str]) -> str:
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}"
