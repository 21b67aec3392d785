"""Validation of the options of the study's commands."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from tedbench.errors import UserError


def plain_options(cfg: DictConfig, needed: Mapping[str, str]) -> dict[str, Any]:
    """Return a command's options as plain values.

    Args:
        cfg: see ``conf/``.
        needed: required options, each with advice on its value.

    Raises:
        UserError: one of them is missing.
    """
    for name, hint in needed.items():
        if OmegaConf.is_missing(cfg, name) or cfg[name] in (None, ""):
            raise UserError(f"{name} is empty. Give {hint}.")
    return OmegaConf.to_container(cfg, resolve=True)  # type: ignore[return-value]


def number_option(settings: Mapping[str, Any], name: str, low: float, high: float) -> float:
    """Return an option that is a number from ``low`` to ``high``.

    Raises:
        UserError: it is none.
    """
    value = settings[name]
    if type(value) not in (int, float) or not (math.isfinite(value) and low <= value <= high):
        raise UserError(f"{name} is {value!r}. It must be a number from {low:g} to {high:g}.")
    return float(value)


def share_option(settings: Mapping[str, Any], name: str) -> float:
    """Return an option that is a number between 0 and 1, both excluded.

    Raises:
        UserError: it is none.
    """
    value = number_option(settings, name, 0, 1)
    if value in (0, 1):
        raise UserError(f"{name} is {value:g}. It must be between 0 and 1, both excluded.")
    return value


def whole_option(settings: Mapping[str, Any], name: str, low: int, high: int) -> int:
    """Return an option that is a whole number from ``low`` to ``high``.

    Raises:
        UserError: it is none.
    """
    value = settings[name]
    if type(value) is not int or not low <= value <= high:
        raise UserError(f"{name} is {value!r}. It must be a whole number from {low} to {high}.")
    return value


def output(path: Path, kind: str) -> Path:
    """Return a path to write to, after creating its folder.

    Args:
        path: of the file or folder.
        kind: "file" or "folder".

    Raises:
        UserError: something of the other kind is there, or the folder cannot be created.
    """
    folder = path if kind == "folder" else path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"out={path}: {folder} cannot be made ({error.strerror}). Give another place.") from None
    if kind == "file" and path.is_dir():
        raise UserError(f"out={path} is a folder. Give a file.")
    return path
