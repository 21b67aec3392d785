"""Pairs of one's own: images in a folder and a CSV or JSON list of texts."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tedbench.datasets.base import Dataset
from tedbench.errors import UserError
from tedbench.image import read_image
from tedbench.pair import Entry

REQUIRED = ("image", "target_text")
OPTIONAL = ("source_text", "source_object", "target_object", "category", "truth")
COLUMNS = REQUIRED + OPTIONAL

_Row = tuple[str, Mapping[str, Any]]
"""Where it stands ("line 3") and its cells."""


class Folder(Dataset):
    """The pairs that a list names: a CSV file with a header, or a JSON list of objects, in UTF-8.

    Columns are ``image`` and ``target_text``, and optionally ``source_text``, ``source_object``, ``target_object``,
    ``category`` and ``truth`` (the true edited image); others are ignored. Paths are relative to the list's folder,
    and an image's relative path is its name, so files of one name in different sub-folders are different images.
    Spaces around a cell are dropped; nothing else is changed ("NA" stays "NA").
    """

    name: ClassVar[str] = "folder"

    def __init__(
        self, file: str | Path | None, size: int, limit: int | None = None, ids: Sequence[str] | None = None
    ) -> None:
        """
        Args:
            file: the list, ``.csv`` or ``.json``.
            size, limit, ids: as in :class:`Dataset`.

        Raises:
            UserError: the list cannot be read, or a row of it is wrong; the message says which.
        """
        if file is None:
            raise UserError("dataset.file is not set. Give a CSV or JSON list with the columns image and target_text.")
        self.file = Path(file).expanduser()
        entries, self._truths = [], {}
        for where, cells in _rows(self.file):
            values = {name: _cell(cells.get(name), name, f"{self.file}, {where}") for name in COLUMNS}
            image, text, truth = values.pop("image"), values.pop("target_text"), values.pop("truth")
            entry = Entry(self._image_name(image or ""), text or "", **values)
            entries.append(entry)
            if truth:
                self._truths[entry.id] = truth
        super().__init__(entries, size, limit, ids)

    def read(self, entry: Entry) -> tuple[np.ndarray, np.ndarray | None]:
        """The image and, where the list names one, the true edited image."""
        folder = self.file.parent
        truth = self._truths.get(entry.id)
        return read_image(folder / entry.image_name), None if truth is None else read_image(folder / truth)

    def _image_name(self, path: str) -> str:
        """One name for one file, however its path is written."""
        folder = self.file.parent.absolute()
        return Path(os.path.relpath(folder / path, folder)).as_posix()


def _rows(file: Path) -> Iterator[_Row]:
    readers = {".csv": _csv_rows, ".json": _json_rows}
    if file.suffix.lower() not in readers:
        raise UserError(f"dataset.file={file} is neither .csv nor .json. Give a list in one of the two.")
    try:
        text = file.read_text("utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"dataset.file={file} does not exist. Check the path.") from None
    except OSError as error:
        raise UserError(
            f"dataset.file={file} cannot be read ({error.strerror}). Give a file that you may read."
        ) from None
    except UnicodeDecodeError as error:
        raise UserError(f"{file} is not in UTF-8 (byte {error.start}). Save it as UTF-8.") from None
    yield from readers[file.suffix.lower()](file, text)


def _csv_rows(file: Path, text: str) -> Iterator[_Row]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = header
        _check_columns(header, str(file))
        for cells in reader:
            where = f"line {reader.line_num}"
            if None in cells:
                raise UserError(f"{file}, {where} has more cells than columns. Put texts with commas in double quotes.")
            yield where, cells
    except csv.Error as error:
        raise UserError(
            f"{file}, line {reader.reader.line_num}: {error}. Mend the CSV, for example an unclosed double quote."
        ) from None


def _json_rows(file: Path, text: str) -> Iterator[_Row]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise UserError(f"{file} is not JSON ({error}). Give a list of objects with image and target_text.") from None
    if not isinstance(data, list):
        raise UserError(f"{file} holds {_json_type(data)}. Give a list of objects with image and target_text.")
    for number, item in enumerate(data, 1):
        where = f"item {number}"
        if not isinstance(item, dict):
            raise UserError(f"{file}, {where} is {_json_type(item)}. Give an object with image and target_text.")
        _check_columns(list(item), f"{file}, {where}")
        yield where, item


def _check_columns(found: Sequence[str], where: str) -> None:
    twice = [name for name in COLUMNS if found.count(name) > 1]
    if twice:
        raise UserError(f"{where} has the column {twice[0]} twice. Remove one.")
    for name in found:
        near = get_close_matches(name.lower().replace(" ", "_"), COLUMNS, 1, 0.85)
        if near and near[0] not in found:  # a misspelt optional column would be ignored in silence
            raise UserError(f"{where} has a column {name!r}. Did you mean {near[0]}?")
    for name in REQUIRED:
        if name not in found:
            there = ", ".join(map(repr, found)) or "none"
            raise UserError(f"{where} has no column {name}, only {there}. Add it (CSV cells are divided by commas).")


def _cell(value: Any, name: str, where: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise UserError(f"{where}: {name} is {_json_type(value)}. Give a text in quotes.")
    value = (value or "").strip() or None
    if value is None and name in REQUIRED:
        raise UserError(f"{where}: {name} is empty. Fill it in, or remove the row.")
    return value


def _json_type(value: Any) -> str:
    kinds: dict[type, str] = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
    }
    return kinds.get(type(value), "null")
