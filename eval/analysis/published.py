"""Published numbers to show beside our own."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import yaml

from eval.runs.cards import MetricCard


class Published(NamedTuple):
    """Range of published 1 − LPIPS of a method, and the ``reach`` by which it may be off."""

    method: str
    low: float
    high: float
    reach: float
    source: str


def published(dataset: str, fidelity: MetricCard) -> list[Published]:
    """Return the numbers that are comparable for a dataset and a fidelity metric; none for any other.

    Args:
        dataset: its name in runs.
        fidelity: a metric such as "lpips/alex/512".
    """
    listed = yaml.safe_load((Path(__file__).parent / "published.yaml").read_text(encoding="utf-8"))
    if dataset != listed["dataset"] or not fidelity.name.startswith(listed["metric"]):
        return []
    return [
        Published(each["method"], 1 - max(each["lpips"]), 1 - min(each["lpips"]), listed["reach"], each["source"])
        for each in listed["numbers"]
    ]
