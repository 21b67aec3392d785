"""Options of the study's commands, checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from tedbench.errors import UserError


def plain(cfg: DictConfig, needed: Mapping[str, str]) -> dict[str, Any]:
    """A command's options as plain values.

    Args:
        cfg: see ``conf/``.
        needed: options that must be given, with what to give.

    Raises:
        UserError: one of them is missing.
    """
    for name, hint in needed.items():
        if OmegaConf.is_missing(cfg, name) or cfg[name] in (None, ""):
            raise UserError(f"{name} is empty. Give {hint}.")
    return OmegaConf.to_container(cfg, resolve=True)  # type: ignore[return-value]


def output(path: Path, kind: str) -> Path:
    """A path to write to, with its folder made.

    Args:
        path: of the file or folder.
        kind: "file" or "folder".

    Raises:
        UserError: something of the other kind is there, or the folder cannot be made.
    """
    folder = path if kind == "folder" else path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"out={path}: {folder} cannot be made ({error.strerror}). Give another place.") from None
    if kind == "file" and path.is_dir():
        raise UserError(f"out={path} is a folder. Give a file.")
    return path
