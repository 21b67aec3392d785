"""Removal of metrics from the chosen set, ``~metrics.lpips``, after references to them are resolved."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress

from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from tedbench.errors import UserError
from tedbench.near import nearest

_REMOVAL = re.compile(r"~metrics\.(\w+)")


def removals(overrides: Sequence[str]) -> list[str]:
    """Return the metrics that a command line removes. These overrides are not passed to Hydra."""
    return [match[1] for override in overrides if (match := _REMOVAL.fullmatch(override))]


def is_removal(override: str) -> bool:
    """True if an override removes a metric."""
    return _REMOVAL.fullmatch(override) is not None


def remove_metrics(cfg: DictConfig, names: Sequence[str]) -> None:
    """Remove metrics from a configuration; values that others took from them, such as a size, are kept.

    Raises:
        UserError: the chosen set has no such metric.
    """
    if not names:
        return
    metrics = cfg.get("metrics") or OmegaConf.create({})
    there = [str(name) for name in metrics]
    for name in dict.fromkeys(names):
        if name not in there:
            hint = nearest(name, there, " Did you mean ~metrics.{}?")
            listed = f"There are: {', '.join(there)}" if there else "No metrics are chosen"
            raise UserError(f"~metrics.{name}: the chosen metrics have no {name!r}.{hint} {listed}.")
    with suppress(OmegaConfBaseException):  # unresolvable references are reported when the configuration is read
        OmegaConf.resolve(metrics)
    with open_dict(cfg):
        for name in dict.fromkeys(names):
            del cfg.metrics[name]
