"""The user's own pairs: images in a folder and a CSV or JSON list of texts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tedbench.datasets.base import Dataset
from tedbench.disk import nfc, on_disk
from tedbench.errors import UserError
from tedbench.image import read_image
from tedbench.pair import Entry
from tedbench.table import Row, check_table, read_table

REQUIRED = ("image", "target_text")
OPTIONAL = (*Entry.fields(), "truth")


class Folder(Dataset):
    """The pairs that a list names: a CSV file with a header, or a JSON list of objects, in UTF-8.

    Columns are ``image`` and ``target_text``, and optionally those of :meth:`tedbench.pair.Entry.fields` and ``truth``
    (the true edited image); others are ignored. ``mask`` is an image of the input's shape that is bright (:func:`tedbench.geometry.mask_square`)
    where the edit belongs. Paths are relative to the list's folder,
    and an image's relative path is its name, so files of one name in different sub-folders are different images.
    Spaces around a cell are dropped; nothing else is changed ("NA" stays "NA").
    """

    name: ClassVar[str] = "folder"

    _root: Path
    _truths: dict[str, str]

    def __init__(
        self, file: str | Path | None, size: int, limit: int | None = None, ids: Sequence[str] | None = None
    ) -> None:
        """
        Args:
            file: the list, ``.csv`` or ``.json``.
            size, limit, ids: see :class:`Dataset`.

        Raises:
            UserError: the list cannot be read, or a row of it is wrong; the message says which.
        """
        if file is None:
            raise UserError("dataset.file is not set. Give a CSV or JSON list with the columns image and target_text.")
        self.file = self.list_file = Path(file).expanduser()
        self._root, self._truths = self.file.parent, {}
        entries = list(self._entries(read_table(self.file, "dataset.file", REQUIRED, OPTIONAL)))
        super().__init__(entries, size, limit, ids)

    def _entries(self, rows: Iterable[Row]) -> Iterator[Entry]:
        """Yield the entry of each row, and note the true edits."""
        for _, values in rows:
            image, text, truth = values.pop("image"), values.pop("target_text"), values.pop("truth")
            name = image_name(image or "", self._root)
            entry = Entry(name, text or "", **values, path=str(on_disk(self._root / name)))
            if truth:
                self._truths[entry.id] = truth
            yield entry
        self.has_truths = bool(self._truths)

    def read(self, entry: Entry) -> tuple[np.ndarray, np.ndarray | None]:
        """Read the image and, if the list names one, the true edit."""
        truth = self._truths.get(entry.id)
        return self._picture(entry.image_name), None if truth is None else self._picture(truth)

    def read_mask(self, entry: Entry) -> np.ndarray | None:
        return read_image(on_disk(self._root / entry.mask), background=0) if entry.mask else None

    def missing(self) -> dict[str, Path]:
        """Return, by pair id, the image, true edit or mask that does not exist."""
        found = {}
        for entry in self.entries:
            names = filter(None, (entry.image_name, self._truths.get(entry.id), entry.mask))
            if gone := [path for name in names if not os.path.lexists(path := on_disk(self._root / name))]:
                found[entry.id] = gone[0]
        return found

    def _picture(self, name: str) -> np.ndarray:
        return read_image(on_disk(self._root / name))


class Table(Folder):
    """The pairs of a list that is in memory, with the columns of :class:`Folder`'s: the settings hold its rows."""

    name: ClassVar[str] = "table"

    def __init__(
        self,
        rows: Sequence[Mapping[str, Any]],
        root: str | Path,
        size: int,
        limit: int | None = None,
        ids: Sequence[str] | None = None,
    ) -> None:
        """
        Args:
            rows: an object with ``image`` and ``target_text`` for each pair.
            root: folder that paths are relative to.
            size, limit, ids: see :class:`Dataset`.

        Raises:
            UserError: a row is wrong; the message says which.
        """
        self._root, self._truths = Path(root), {}
        entries = list(self._entries(check_table(rows, "dataset.rows", REQUIRED, OPTIONAL)))
        Dataset.__init__(self, entries, size, limit, ids)


def image_name(path: str, folder: Path) -> str:
    """Return one name for a file, however a list writes its path: relative to the list, in composed Unicode."""
    folder = folder.absolute()
    name = os.path.relpath(folder / path, folder)
    if Path(path).is_absolute() and name.startswith(
        os.pardir
    ):  # it may lead here through a link, such as a shell's $PWD
        inner = os.path.relpath(Path(os.path.realpath(Path(path).parent), Path(path).name), os.path.realpath(folder))
        name = name if inner.startswith(os.pardir) else inner
    return nfc(Path(name).as_posix())
