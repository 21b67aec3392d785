"""The files of images made elsewhere: named by a pattern in a folder, or named in a list."""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import NamedTuple

from tedbench.axis import Axis, format_strength, rounded_strength
from tedbench.datasets.folder import image_name
from tedbench.disk import nfc, on_disk
from tedbench.errors import UserError
from tedbench.pair import Entry
from tedbench.table import Row, read_table

PUBLISHED = "{image_name}-{text}.png"
"""TEdBench's pattern of the names of its published outputs."""

AS_PUBLISHED = Axis("as_published", "as published", (1.0,), fixed=True)
"""The axis of images that have no strength."""

Key = tuple[float, int]
"""Strength and seed."""

MISSING = "missing"
"""Stands in place of the digest of a file that does not exist."""


class Listed(NamedTuple):
    """One row of a list: the (strength, seed) of a file, its path, and the place of the row for messages."""

    key: Key
    path: Path
    where: str


class FileList:
    """A list of edited images.

    A row belongs to the pair of its text whose image it names, by that image's name in the dataset's list or by a path
    to the same file, relative to the folder of this list. Paths are normalised as the dataset's are, and different
    encodings of one Unicode text are the same.

    Attributes:
        axis: of the strengths; :data:`AS_PUBLISHED` if there are none.
        keys: every (strength, seed) that some pair has.
        paths: every file, sorted.
    """

    def __init__(self, file: Path) -> None:
        """
        Raises:
            UserError: the list cannot be read, has no rows, or a row of it is wrong; the message says which.
        """
        self._rows: dict[tuple[str, str], dict[Key, Listed]] = {}
        strengths = set()
        for row in read_table(file, "method.file", ("image", "target_text", "file"), ("strength", "seed")):
            cells, where = row.cells, f"{file}, {row.where}"
            strength = rounded_strength(_number(row, "strength", 1.0, where))
            listed = Listed((strength, int(_number(row, "seed", 0, where))), file.parent / (cells["file"] or ""), where)
            strengths.add(strength if cells["strength"] else None)
            name, text = image_name(cells["image"] or "", file.parent), nfc(cells["target_text"] or "")
            of_pair = self._rows.setdefault((name, text), {})
            if listed.key in of_pair:
                raise _twice(listed, of_pair[listed.key])
            of_pair[listed.key] = listed
        if not self._rows:
            raise UserError(f"method.file={file} has no rows. Give one for each edited image.")
        if None in strengths and len(strengths) > 1:
            raise UserError(
                f"method.file={file} has rows with and rows without a strength. Give every row one, or none."
            )
        grid = sorted(strength for strength in strengths if strength is not None)
        self.axis = Axis("strength", "strength", tuple(grid)) if grid else AS_PUBLISHED
        self.keys = sorted({key for rows in self._rows.values() for key in rows})
        self.paths = sorted({listed.path for rows in self._rows.values() for listed in rows.values()})
        places = {name: _place(file.parent / name) for name, _ in self._rows}
        often = Counter(places.values())  # a place of two names, by linked folders, is known by its names alone
        self._by_place = {
            (places[key[0]], key[1]): rows for key, rows in self._rows.items() if often[places[key[0]]] == 1
        }

    def files(self, entry: Entry) -> dict[Key, Path]:
        """Return a pair's files, whether they exist or not.

        Raises:
            UserError: two rows, which name its image in two ways, have the same strength and seed.
        """
        text = nfc(entry.target_text)
        found = dict(self._rows.get((nfc(entry.image_name), text), {}))
        placed = self._by_place.get((_place(Path(entry.path)), text), {}) if entry.path is not None else {}
        for key, listed in placed.items():
            if found.setdefault(key, listed) is not listed:
                raise _twice(*sorted((listed, found[key]), key=lambda row: row.where, reverse=True))
        return {key: on_disk(listed.path) for key, listed in sorted(found.items())}


def _place(path: Path) -> str:
    """Return a file's path with the links among its folders resolved; a link in the last place is kept."""
    path = path.absolute()
    return nfc(str(Path(os.path.realpath(path.parent), path.name)))


def _twice(row: Listed, other: Listed) -> UserError:
    return UserError(
        f"{row.where}: this pair has {named(*row.key)} already ({other.where}). "
        "Remove one, or give both a strength or seed."
    )


def _number(row: Row, name: str, default: float, where: str) -> float:
    cell = row.cells[name]
    if cell is None:
        return default
    try:
        value = float(cell)
        if not math.isfinite(value) or (name == "seed" and (value != int(value))):
            raise ValueError
    except ValueError:
        kind = "a whole number" if name == "seed" else "a number"
        raise UserError(f"{where}: {name} is {cell!r}. It must be {kind}.") from None
    return value


def named(strength: float, seed: int) -> str:
    """Return an image's key in words: "strength 0.5, seed 1"."""
    return f"strength {format_strength(strength)}, seed {seed}"


def file_name(pattern: str, entry: Entry) -> str:
    """Return a pair's file by a pattern, see :class:`baselines.precomputed.Precomputed`; a "/" in a text becomes _."""
    text = entry.target_text.replace("/", "_")
    return pattern.format(
        image_name=entry.image_name,
        image_stem=str(Path(entry.image_name).with_suffix("")),
        text=re.sub(r"\.$", "", text).replace(" ", "_"),
        target_text=text,
        pair_id=entry.id,
    )


def check_pattern(pattern: str) -> None:
    """Raise UserError for a pattern that cannot name files.

    Raises:
        UserError: it has no field, or an unknown one.
    """
    example = Entry("dog.jpeg", "A sitting dog.")
    try:
        fields = [field for _, field, _, _ in Formatter().parse(pattern) if field is not None]
        if not fields:
            raise KeyError("no field")
        if parts := [field for field in fields if not field.isidentifier()]:  # {text.upper}, {text[0]}
            raise KeyError(parts[0])
        file_name(pattern, example)
    except (KeyError, ValueError, IndexError, AttributeError) as error:
        raise UserError(
            f"method.pattern={pattern} cannot be used ({error}). Its fields are {{image_name}}, {{image_stem}}, {{text}}, "
            f"{{target_text}} and {{pair_id}}; TEdBench's own is {PUBLISHED}."
        ) from None


class Digests:
    """The digests of files, each read once unless it changes."""

    def __init__(self) -> None:
        self._known: dict[tuple[Path, int, int, int], str] = {}

    def of(self, path: Path | None) -> str:
        """Return the sha256 of a file's content; :data:`MISSING` if it cannot be read."""
        try:
            if path is None or not path.is_file():  # a device or pipe would never end
                return MISSING
            stat = path.stat()
            key = (path, stat.st_ino, stat.st_size, stat.st_mtime_ns)
            if key not in self._known:
                with path.open("rb") as file:
                    self._known[key] = hashlib.file_digest(file, "sha256").hexdigest()
            return self._known[key]
        except OSError:
            return MISSING


def identity_of(path: Path) -> tuple[object, ...]:
    """Return a key that is equal for two paths to one file, also through links."""
    stat = path.stat()
    return (stat.st_dev, stat.st_ino) if stat.st_ino else (os.path.realpath(path),)


def pictures(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder that have an image's suffix."""
    from PIL import Image

    suffixes = Image.registered_extensions()
    return (path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
