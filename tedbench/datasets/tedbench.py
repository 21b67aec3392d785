"""TEdBench: 100 target texts on 40 photographs (arXiv 2210.09276), from a folder or from its publishers."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal, get_args

import numpy as np

from tedbench import hub
from tedbench.annotations import annotate
from tedbench.datasets.base import Dataset
from tedbench.disk import on_disk
from tedbench.download import DownloadError, cache_folder, fetch, store
from tedbench.errors import UserError
from tedbench.image import read_image
from tedbench.manifest import LIST, ORIGINALS, Manifest, Match, compare_image, file_facts, read_list
from tedbench.pair import Entry

REPO = "imagic-editing/imagic-editing.github.io"
COMMIT = "9b3b5de4ba8703e77dea7e3a2d47db0981e1f057"
GITHUB = f"https://raw.githubusercontent.com/{REPO}/{COMMIT}/tedbench"
GITHUB_PAGE = f"https://github.com/{REPO}/tree/{COMMIT}/tedbench"

Source = Literal["github", "huggingface"]
SOURCES: tuple[str, ...] = get_args(Source)


class TEdBench(Dataset):
    """The benchmark's pairs verbatim, quirks included: typos in texts, a PNG that is a JPEG, RGBA originals.

    Source texts, object phrases and categories are the project's (:mod:`tedbench.annotations`); the benchmark has none.
    A folder of one's own is compared with the published files: differences are warned of, missing files are an error.
    Without a folder the originals are downloaded once, each verified by checksum. They carry no licence, so they are
    never redistributed.
    """

    name: ClassVar[str] = "tedbench"
    has_truths: bool = False

    def __init__(
        self,
        root: str | Path | None,
        size: int,
        *,
        limit: int | None = None,
        ids: Sequence[str] | None = None,
        annotations: str | Path | None = None,
        source: Source = "github",
        url: str = GITHUB,
        manifest: Manifest | None = None,
    ) -> None:
        """
        Args:
            root: folder in the published layout (``input_list.json``, ``originals/``), or None to download.
            size: side of the pairs' canonical square.
            limit, ids: see :class:`Dataset`; only the images of the kept pairs are downloaded and checked.
            annotations: a list of one's own of captions, object phrases and categories, with precedence over the
                project's (:mod:`tedbench.annotations`).
            source: "github" or "huggingface", to download from.
            url: of a mirror with the published layout, for ``source="github"``.
            manifest: to compare the files with; the published benchmark's by default.

        Raises:
            UserError: the folder is incomplete, a download fails, ``source`` is unknown, or ``annotations`` are wrong.
        """
        if source not in SOURCES:
            raise UserError(f"dataset.source={source} is unknown. Use {' or '.join(SOURCES)}.")
        self.manifest = manifest or Manifest.load()
        if root is not None:
            self.root = Path(root).expanduser()
            pairs = self._local_list()
            self.list_file = self.root / LIST
        else:
            self.root = cache_folder() / f"tedbench-{source}"
            pairs = list(self.manifest.pairs)
        entries = [replace(entry, path=str(self._original(entry.image_name))) for entry in annotate(pairs, annotations)]
        super().__init__(entries, size, limit, ids)
        names = list(dict.fromkeys(entry.image_name for entry in self.entries))
        if root is None:
            self._download(names, source, url)
        self._verify(names)

    def read(self, entry: Entry) -> tuple[np.ndarray, None]:
        """Read the original, (H, W, 3) uint8; there is no true edit."""
        return read_image(self._original(entry.image_name)), None

    def _original(self, name: str) -> Path:
        return on_disk(self.root / ORIGINALS / name)

    def _local_list(self) -> list[tuple[str, str]]:
        if (self.root / "tedbench" / LIST).is_file() and not (self.root / LIST).exists():
            self.root /= "tedbench"  # a checkout of the published repository
        pairs = read_list(self.root / LIST)
        if file_facts(self.root / LIST) != self.manifest.list and tuple(pairs) != self.manifest.pairs:
            _warn(
                f"{self.root / LIST} differs from the published list. Results on it are not comparable with TEdBench's."
            )
        return pairs

    def _download(self, names: Sequence[str], source: str, url: str) -> None:
        try:
            if source == "huggingface":
                self._fetch_from_hub(names)
            else:
                files = {f"{ORIGINALS}/{name}": self.manifest.images[name].file for name in names}
                fetch({LIST: self.manifest.list, **files}, url, self.root, "TEdBench")
        except DownloadError as error:
            raise UserError(
                f"TEdBench cannot be downloaded ({error}). Go online once, or get {LIST} and {ORIGINALS}/ "
                f"from {GITHUB_PAGE} and put them into {self.root}, or anywhere with dataset.root=FOLDER."
            ) from None

    def _fetch_from_hub(self, names: Sequence[str]) -> None:
        folder = self.root / ORIGINALS
        if all((folder / name).is_file() for name in names):
            return
        for name, data in hub.name_images(hub.read_hub_table(hub.fetch_table()), self.manifest).items():
            store(folder / name, data)

    def _verify(self, names: Sequence[str]) -> None:
        folder = self.root / ORIGINALS
        missing = [name for name in names if not self._original(name).is_file()]
        if missing:
            raise UserError(
                f"{len(missing)} of {len(names)} images are missing in {folder}, such as {missing[0]}. "
                f"Get them from {GITHUB_PAGE}, or set dataset.root=null to download them."
            )
        known = {name: self.manifest.images.get(name) for name in names}
        other = [
            name
            for name, facts in known.items()
            if facts is None or compare_image(self._original(name), facts) is Match.OTHER
        ]
        if other:
            _warn(
                f"{len(other)} of {len(names)} images in {folder} differ from the published ones: "
                f"{', '.join(other[:5])}{', …' if len(other) > 5 else ''}. Results on them are not TEdBench's."
            )


def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=4)
