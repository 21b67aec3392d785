"""The list of a run's pairs. Pairs that the list no longer has are left out; another list is refused."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from pathlib import Path
from typing import NamedTuple

from eval.runs.files import replace_text
from tedbench.datasets.base import Dataset
from tedbench.errors import UserError

FILE = "list.json"


class Listing(NamedTuple):
    """A list as a command finds it.

    Attributes:
        place: digest of its file's path; None if it is not the user's own file.
        ids: ids of all its pairs, including those that the command does not use.
    """

    place: str | None
    ids: tuple[str, ...]


def listing_of(dataset: Dataset) -> Listing:
    """Return a dataset's list."""
    return Listing(None if dataset.list_file is None else _place(dataset.list_file), dataset.listed)


def _place(file: str | Path) -> str:
    return hashlib.sha256(os.path.abspath(file).encode(errors="surrogateescape")).hexdigest()  # noqa: PTH100


def listed(folder: Path) -> frozenset[str] | None:
    """Return the pair ids of a run's list; None if the run keeps no list or the record is damaged."""
    known = _read(folder)
    return None if known is None else frozenset(known.ids)


def left_out(folder: Path, listing: Listing) -> list[str]:
    """Return the ids of a run's pairs that the present list lacks.

    Args:
        folder: the run's folder.
        listing: the present list.

    Raises:
        UserError: some are missing, and the list has another path: it is another list.
    """
    try:
        made = {path.name for path in (folder / "pairs").iterdir() if not path.name.startswith(".")}
    except FileNotFoundError:
        return []
    known = _read(folder)
    lacking = sorted(made - set(listing.ids))
    others = lacking if known is None else [id for id in lacking if id in known.ids]
    if others and listing.place != (known.place if known else None):
        raise UserError(
            f"{folder} holds a run of another list: {len(others)} of its pairs are not in this one, such as {others[0]}. "
            "Give another run_dir."
        )
    return lacking if listing.place is not None else []


def write_listing(folder: Path, listing: Listing) -> None:
    """Record a run's present list; delete the record if the list is not the user's own file."""
    if listing.place is None:
        (folder / FILE).unlink(missing_ok=True)
    else:
        replace_text(folder / FILE, json.dumps(listing._asdict(), indent=1))


def _read(folder: Path) -> Listing | None:
    path = folder / FILE
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return Listing(known["place"], tuple(map(str, known["ids"])))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        warnings.warn(
            f"{path} is damaged: pairs that the list lacks are not left out. Repeat the eval.run.", stacklevel=2
        )
        return None
