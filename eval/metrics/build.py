"""Metrics from their configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eval.metrics.base import Metric
from tedbench.build import build


def build_metrics(blocks: Mapping[str, Mapping[str, Any]] | None, device: str) -> list[Metric]:
    """The metrics of a configuration's block ``metrics``, in its order; none of an empty one.

    Args:
        blocks: each metric's ``_target_`` and settings, by the name that options give it.
        device: where they compute.

    Raises:
        UserError: as :func:`tedbench.build.build`, and what the metrics themselves refuse.
    """
    return [build(block, Metric, f"metrics.{name}", device=device) for name, block in (blocks or {}).items()]
