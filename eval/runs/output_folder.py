"""Folders that commands write to beside a run's own."""

from __future__ import annotations

import re
from pathlib import Path

from tedbench.disk import writing
from tedbench.errors import UserError


def make_room(out: Path, written: re.Pattern[str]) -> None:
    """Makes an output folder, and takes away what an earlier command wrote there, by the files' names.

    Raises:
        UserError: it is a file, or cannot be written.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"out={out} is a file. Give a folder.")
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        for path in out.iterdir():
            if written.fullmatch(path.name):
                path.unlink()
