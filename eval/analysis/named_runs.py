"""Runs by their names in tables and files: a name of the user's own, or the folder's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eval.analysis.methods import folders
from eval.runs.folder import Run
from tedbench.errors import UserError


def named_folders(runs: Any) -> dict[str, Path]:
    """Return the folders of a command's option ``runs`` by name.

    Args:
        runs: a list of folders, each named by its last part, or folders by name.

    Raises:
        UserError: it is neither, two runs have one name, or a name cannot be part of a file's.
    """
    given = folders(runs)
    pairs = given.items() if isinstance(given, dict) else ((Path(each).resolve().name, each) for each in given)
    found = [(name, Path(folder).expanduser()) for name, folder in pairs]
    names = [name for name, _ in found]
    if len(set(names)) < len(names) or any(not name.strip() or "/" in name for name in names):
        raise UserError(
            f"The runs are called {', '.join(names)}. Give each a plain name of its own: runs={{NAME: FOLDER}}."
        )
    return dict(found)


def open_named(runs: Any) -> dict[str, Run]:
    """Open the runs of a command's option ``runs``, by name (see :func:`named_folders`).

    Raises:
        UserError: see :func:`named_folders`; or a folder is not a run.
    """
    return {name: Run.open(folder) for name, folder in named_folders(runs).items()}
