"""Expansion of ``~`` and ``~user`` at the beginning of an option's value, which shells leave alone behind a "="."""

from __future__ import annotations

import os
from typing import Any

from omegaconf import DictConfig, OmegaConf

WORDS = ("name", "text", "title", "description", "keywords", "question", "completion_code", "pattern", "project")
"""Options that are never paths; all others may be."""


def expanded(cfg: DictConfig) -> DictConfig:
    """Return a configuration with ``~`` and ``~user`` at the beginning of paths expanded to home folders.

    A ``~`` within a name stays ("backup~"), as do unknown users ("~nobody-of-this-name"), and the options in
    :data:`WORDS`.
    """
    plain = OmegaConf.to_container(cfg, resolve=False)
    changed = _expanded(plain)
    if isinstance(plain, dict) and isinstance(changed, dict) and isinstance(runs := plain.get("runs"), dict):
        changed["runs"] = dict(
            zip(runs, _expanded(list(runs.values())), strict=True)
        )  # its keys are the user's own names
    if changed == plain:
        return cfg
    result = OmegaConf.create(changed)
    assert isinstance(result, DictConfig)
    OmegaConf.set_struct(result, OmegaConf.is_struct(cfg))
    return result


def _expanded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: each if key in WORDS else _expanded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_expanded(each) for each in value]
    return os.path.expanduser(value) if isinstance(value, str) and value.startswith("~") else value  # noqa: PTH111
