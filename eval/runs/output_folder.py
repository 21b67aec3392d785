"""Output folders of commands other than ``eval.run``."""

from __future__ import annotations

import re
from pathlib import Path

from tedbench.disk import writing
from tedbench.errors import UserError


def make_room(out: Path, written: re.Pattern[str]) -> None:
    """Create an output folder, and delete the output of an earlier command in it.

    Args:
        out: the folder.
        written: matches the names of the files to delete.

    Raises:
        UserError: ``out`` is a file, or cannot be written to.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"out={out} is a file. Give a folder.")
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        for path in out.iterdir():
            if written.fullmatch(path.name):
                path.unlink()
