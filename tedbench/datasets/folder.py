"""The user's own pairs: images in a folder and a CSV or JSON list of texts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from tedbench.datasets.base import Dataset
from tedbench.disk import nfc, on_disk
from tedbench.errors import UserError
from tedbench.image import read_image
from tedbench.pair import Entry
from tedbench.table import read_table

REQUIRED = ("image", "target_text")
OPTIONAL = (*Entry.fields(), "truth")


class Folder(Dataset):
    """The pairs that a list names: a CSV file with a header, or a JSON list of objects, in UTF-8.

    Columns are ``image`` and ``target_text``, and optionally those of :meth:`tedbench.pair.Entry.fields` and ``truth``
    (the true edited image); others are ignored. Paths are relative to the list's folder,
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
            size, limit, ids: see :class:`Dataset`.

        Raises:
            UserError: the list cannot be read, or a row of it is wrong; the message says which.
        """
        if file is None:
            raise UserError("dataset.file is not set. Give a CSV or JSON list with the columns image and target_text.")
        self.file = self.list_file = Path(file).expanduser()
        entries, self._truths = [], {}
        for _, values in read_table(self.file, "dataset.file", REQUIRED, OPTIONAL):
            image, text, truth = values.pop("image"), values.pop("target_text"), values.pop("truth")
            name = image_name(image or "", self.file.parent)
            entry = Entry(name, text or "", **values, path=str(on_disk(self.file.parent / name)))
            entries.append(entry)
            if truth:
                self._truths[entry.id] = truth
        self.has_truths = bool(self._truths)
        super().__init__(entries, size, limit, ids)

    def read(self, entry: Entry) -> tuple[np.ndarray, np.ndarray | None]:
        """Read the image and, if the list names one, the true edit."""
        truth = self._truths.get(entry.id)
        return self._picture(entry.image_name), None if truth is None else self._picture(truth)

    def _picture(self, name: str) -> np.ndarray:
        return read_image(on_disk(self.file.parent / name))


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
