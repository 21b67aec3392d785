"""Metrics from their configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eval.metrics.base import Metric
from tedbench.build import build


def build_metrics(blocks: Mapping[str, Mapping[str, Any]] | None, device: str) -> list[Metric]:
    """Build the metrics of a configuration's block ``metrics``, in its order.

    Args:
        blocks: each metric's ``_target_`` and settings, by the metric's name in options; may be empty or None.
        device: device of the computation.

    Raises:
        UserError: see :func:`tedbench.build.build`; or a metric refuses its settings.
    """
    return [build(block, Metric, f"metrics.{name}", device=device) for name, block in (blocks or {}).items()]
