"""Metrics from their configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eval.metrics.base import Metric
from tedbench.build import build, find
from tedbench.errors import UserError


def check_metrics(blocks: Mapping[str, Mapping[str, Any]] | None, device: str) -> None:
    """Refuse wrong settings of metrics before the weights of any are loaded.

    Args:
        blocks: see :func:`build_metrics`.
        device: device of the computation.

    Raises:
        UserError: see :func:`tedbench.build.find` and :meth:`~eval.metrics.base.Metric.check_class`.
    """
    for name, block in (blocks or {}).items():
        target = find(block, Metric, f"metrics.{name}", device=device)
        getattr(target, "__self__", target).check_class()  # of a class method its class


def build_metrics(blocks: Mapping[str, Mapping[str, Any]] | None, device: str) -> list[Metric]:
    """Build the metrics of a configuration's block ``metrics``, in its order.

    Args:
        blocks: each metric's ``_target_`` and settings, by the metric's name in options; may be empty or None.
        device: device of the computation.

    Raises:
        UserError: see :func:`check_metrics`; or a metric refuses its settings, or has no name.
    """
    check_metrics(blocks, device)
    metrics = []
    for name, block in (blocks or {}).items():
        metric = build(block, Metric, f"metrics.{name}", device=device)
        if not isinstance(getattr(metric, "name", None), str):
            raise UserError(f"metrics.{name}: {block['_target_']} sets no name. Give self.name in its constructor.")
        metrics.append(metric)
    return metrics
