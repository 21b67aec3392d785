"""Validation of the options of the study's commands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tedbench.errors import UserError
from tedbench.settings import OpenShare, checked, number, whole


def number_option(settings: Mapping[str, Any], name: str, low: float, high: float) -> float:
    """Return an option that is a number from ``low`` to ``high``.

    Raises:
        UserError: it is none.
    """
    value: float = checked(name, settings[name], number(low, high))
    return value


def share_option(settings: Mapping[str, Any], name: str) -> float:
    """Return an option that is a number between 0 and 1, both excluded.

    Raises:
        UserError: it is none.
    """
    value: float = checked(name, settings[name], OpenShare)
    return value


def whole_option(settings: Mapping[str, Any], name: str, low: int, high: int) -> int:
    """Return an option that is a whole number from ``low`` to ``high``.

    Raises:
        UserError: it is none.
    """
    value: int = checked(name, settings[name], whole(low, high))
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
