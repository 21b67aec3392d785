"""Lists written by people: CSV with a header or JSON, in UTF-8; errors name the line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from tedbench.errors import UserError


class Row(NamedTuple):
    """A row's place ("line 3"), and its cells; an empty or absent one is None."""

    where: str
    cells: dict[str, str | None]


def read_table(file: Path, option: str, required: Sequence[str], optional: Sequence[str] = ()) -> Iterator[Row]:
    """Yield the rows of a list. Spaces around a cell are dropped; nothing else is changed ("NA" stays "NA").

    Args:
        file: ``.csv`` or ``.json`` (a list of objects).
        option: the option that names the file, for messages, such as "dataset.file".
        required: columns that every row fills.
        optional: columns that may be absent or empty. All others are ignored.

    Raises:
        UserError: the list cannot be read, or a row of it is wrong; the message says which.
    """
    columns = (*required, *optional)
    yield from _checked(_rows(file, option, required, columns), str(file), required, columns)


def check_table(
    rows: Sequence[Any], option: str, required: Sequence[str], optional: Sequence[str] = ()
) -> Iterator[Row]:
    """Yield the rows of a list that is in memory, checked like those of :func:`read_table`.

    Args:
        rows: objects, as in a JSON list.
        option: the option that holds them, for messages, such as "dataset.rows".
        required: columns that every row fills.
        optional: columns that may be absent or empty. All others are ignored.

    Raises:
        UserError: a row is wrong; the message says which.
    """
    columns = (*required, *optional)
    yield from _checked(_objects(rows, option, required, columns), option, required, columns)


def _checked(
    rows: Iterator[tuple[str, Mapping[str, Any]]], source: str, required: Sequence[str], columns: Sequence[str]
) -> Iterator[Row]:
    for where, cells in rows:
        place = f"{source}, {where}"
        yield Row(where, {name: _cell(cells.get(name), name, place, name in required) for name in columns})


def _rows(
    file: Path, option: str, required: Sequence[str], columns: Sequence[str]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    readers = {".csv": _csv_rows, ".json": _json_rows}
    if file.suffix.lower() not in readers:
        raise UserError(f"{option}={file} is neither .csv nor .json. Give a list in one of the two.")
    try:
        text = file.read_text("utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{option}={file} does not exist. Check the path.") from None
    except OSError as error:
        raise UserError(f"{option}={file} cannot be read ({error.strerror}). Give a file that you may read.") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{file} is not in UTF-8 (byte {error.start}). Save it as UTF-8.") from None
    yield from readers[file.suffix.lower()](file, text, required, columns)


def _csv_rows(
    file: Path, text: str, required: Sequence[str], columns: Sequence[str]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = header
        _check_columns(header, str(file), required, columns)
        for cells in reader:
            where = f"line {reader.line_num}"
            if None in cells:
                raise UserError(f"{file}, {where} has more cells than columns. Put texts with commas in double quotes.")
            yield where, cells
    except csv.Error as error:
        raise UserError(
            f"{file}, line {reader.reader.line_num}: {error}. Mend the CSV, for example an unclosed double quote."
        ) from None


def _json_rows(
    file: Path, text: str, required: Sequence[str], columns: Sequence[str]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise UserError(
            f"{file} is not JSON ({error}). Give a list of objects with {' and '.join(required)}."
        ) from None
    if not isinstance(data, list):
        raise UserError(f"{file} holds {_json_type(data)}. Give a list of objects with {' and '.join(required)}.")
    yield from _objects(data, str(file), required, columns)


def _objects(
    rows: Sequence[Any], source: str, required: Sequence[str], columns: Sequence[str]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, item in enumerate(rows, 1):
        where = f"item {number}"
        if not isinstance(item, dict):
            raise UserError(f"{source}, {where} is {_json_type(item)}. Give an object with {' and '.join(required)}.")
        _check_columns(list(item), f"{source}, {where}", required, columns)
        yield where, item


def _check_columns(found: Sequence[str], where: str, required: Sequence[str], columns: Sequence[str]) -> None:
    twice = [name for name in columns if found.count(name) > 1]
    if twice:
        raise UserError(f"{where} has the column {twice[0]} twice. Remove one.")
    for name in found:
        near = get_close_matches(name.lower().replace(" ", "_"), columns, 1, 0.85)
        if near and near[0] not in found:  # a misspelt optional column would be ignored in silence
            raise UserError(f"{where} has a column {name!r}. Did you mean {near[0]}?")
    for name in required:
        if name not in found:
            there = ", ".join(map(repr, found)) or "none"
            raise UserError(f"{where} has no column {name}, only {there}. Add it (CSV cells are divided by commas).")


def _cell(value: Any, name: str, where: str, required: bool) -> str | None:
    if value is not None and not isinstance(value, str):
        raise UserError(f"{where}: {name} is {_json_type(value)}. Give a text in quotes.")
    value = check_unicode((value or "").strip(), f"{where}: {name}") or None
    if value is None and required:
        raise UserError(f"{where}: {name} is empty. Fill it in, or remove the row.")
    return value


def check_unicode(text: str, where: str) -> str:
    r"""Return the text itself.

    Raises:
        UserError: it has half of a character that JSON writes in two (``\ud83d`` alone), which no file can hold.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UserError(f"{where} has half of a Unicode character: {text!r}. Write it whole.") from None
    return text


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
