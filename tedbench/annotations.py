"""Texts that TEdBench lacks and some methods need: captions of the inputs, object phrases, instructions, and kinds of edit.

``annotations.csv`` has them for the 100 published pairs. They are this project's, written from looking at the images,
and not part of the benchmark as published: a result that uses them should say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from tedbench.errors import UserError
from tedbench.pair import Entry
from tedbench.table import Row, read_table

KEY = ("img_name", "target_text")
ANNOTATED = Entry.fields()
CATEGORIES = ("pose", "addition", "replacement", "appearance", "setting", "relation", "count")

Annotations = dict[tuple[str, str], dict[str, str]]
"""The known fields of :data:`ANNOTATED` by (image name, target text)."""


def own() -> Annotations:
    """Return the annotations that the project ships."""
    file = Path(str(resources.files("tedbench").joinpath("annotations.csv")))
    return {key: known for _, key, known in _read(file)}


def annotate(pairs: Sequence[tuple[str, str]], file: str | Path | None = None) -> list[Entry]:
    """Return entries for (image name, target text) pairs with their annotations.

    Args:
        pairs: in the order of the entries.
        file: a list of one's own, CSV or JSON, with the columns img_name, target_text and any of :data:`ANNOTATED`;
            its cells have precedence over those that the project ships.

    Raises:
        UserError: the file cannot be read, or has a pair twice or one that is not among ``pairs``.
    """
    known, seen = own(), set()
    for where, key, cells in _read(Path(file).expanduser()) if file is not None else ():
        if key not in pairs:
            raise UserError(
                f"{file}, {where}: there is no pair of {key[0]} and {key[1]!r}. "
                "Write names and texts as the benchmark's list has them, typos included."
            )
        if key in seen:
            raise UserError(f"{file}, {where}: the pair of {key[0]} and {key[1]!r} is there twice. Remove one.")
        seen.add(key)
        known[key] = known.get(key, {}) | cells
    return [Entry(*pair, **known.get(pair, {})) for pair in pairs]


def _read(file: Path) -> list[tuple[str, tuple[str, str], dict[str, str]]]:
    return [(row.where, *_split(row)) for row in read_table(file, "dataset.annotations", KEY, ANNOTATED)]


def _split(row: Row) -> tuple[tuple[str, str], dict[str, str]]:
    name, text = (row.cells[column] or "" for column in KEY)
    return (name, text), {column: cell for column in ANNOTATED if (cell := row.cells[column])}
