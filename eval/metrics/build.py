"""Metrics from their configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eval.metrics.base import Metric
from tedbench.build import build, find


def check_metrics(blocks: Mapping[str, Mapping[str, Any]] | None, device: str) -> None:
    """Refuse wrong settings of metrics before the weights of any are loaded.

    Args:
        blocks: see :func:`build_metrics`.
        device: device of the computation.

    Raises:
        UserError: see :func:`tedbench.build.find`.
    """
    for name, block in (blocks or {}).items():
        find(block, Metric, f"metrics.{name}", device=device)


def build_metrics(blocks: Mapping[str, Mapping[str, Any]] | None, device: str) -> list[Metric]:
    """Build the metrics of a configuration's block ``metrics``, in its order.

    Args:
        blocks: each metric's ``_target_`` and settings, by the metric's name in options; may be empty or None.
        device: device of the computation.

    Raises:
        UserError: see :func:`tedbench.build.build`; or a metric refuses its settings.
    """
    check_metrics(blocks, device)
    return [build(block, Metric, f"metrics.{name}", device=device) for name, block in (blocks or {}).items()]
