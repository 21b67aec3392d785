"""The folder of one pair in a run: images, their table, and scores."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from filelock import FileLock

from eval.runs.files import DamagedError, clear_half_written, file_digest, read_parquet, replace_text, write_parquet
from tedbench.disk import writing
from tedbench.geometry import Returned
from tedbench.image import read_image
from tedbench.method import Origin, Origins
from tedbench.pair import EditPair

SAMPLE_COLUMNS = (
    "pair_id",
    "image_name",
    "source_group",
    "category",
    "target_text",
    "method",
    "model",
    "axis",
    "strength",
    "seed",
    "image",
    "status",
    "reason",
    "input_size",
    "edit_size",
    "geometry",
)
SIZE_COLUMNS = SAMPLE_COLUMNS[-3:]
"""Width × height of a pair's input in its file, and of an image that was made elsewhere or returned by an editor that chooses its
size; and the way in which the latter was brought to the square; empty if unknown."""
SCORE_COLUMNS = ("pair_id", "strength", "seed", "metric", "score", "reason")
SAMPLES = "samples.parquet"
KEY = ["strength", "seed"]


def damage_text(broken: Mapping[str, str]) -> str:
    """Format :meth:`Shard.broken` as a line: "eta1-s0.png is missing; eta0-s0.png has been changed"."""
    return "; ".join(f"{name} {what}" for name, what in broken.items())


def sizes(pair: EditPair, found: Origin | Returned | None) -> dict[str, str]:
    """Return the :data:`SIZE_COLUMNS` of an image: made elsewhere, returned in a form of its own, or neither."""
    shown = [f"{each[0]}×{each[1]}" if each else "" for each in (pair.original_size, found and found.size)]
    geometry = "" if found is None else found.geometry if isinstance(found, Origin) else found.brought
    return dict(zip(SIZE_COLUMNS, (*shown, geometry), strict=True))


class Shard:
    """A pair's folder. It is written under a temporary name and renamed, so it is complete or absent.

    ``done`` lists every file with size and sha256, so that missing, truncated and changed files are noticed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def id(self) -> str:
        return self.folder.name

    def exists(self) -> bool:
        """Return True if the shard has a readable ``done``."""
        try:
            return isinstance(self.info(), dict)
        except (OSError, ValueError):
            return False

    def info(self) -> dict[str, Any]:
        """Return the content of ``done``.

        It has ``status``, ``reason`` (of a failure), ``input`` and ``truth`` (digests of their pixels, if they were
        read), the pair's texts, ``unread`` (True if the pair failed as its pictures could not be read), ``origins`` (of
        images made elsewhere, see :meth:`origins`) and ``files`` (size and sha256 by name).

        Raises:
            OSError, ValueError: ``done`` is missing or damaged.
        """
        return json.loads((self.folder / "done").read_text(encoding="utf-8"))

    def digest(self) -> str:
        """Return a digest of the checksums of all files that the shard records, scores included."""
        found = hashlib.sha256((self.folder / "done").read_bytes())
        sums = self.folder / "scores" / "sums.json"
        if sums.exists():
            found.update(sums.read_bytes())
        return found.hexdigest()

    def origins(self) -> dict[tuple[float, int], str]:
        """Return the digests of the files of images made elsewhere, by (strength, seed); see :class:`Origin`."""
        return {(strength, seed): digest for strength, seed, digest in self.info().get("origins", [])}

    def input_digest(self) -> str | None:
        """Return the digest of the input's pixels; None if it was not read."""
        try:
            return self.info().get("input")
        except OSError:  # it is being replaced
            return None

    def replaced(self, origins: Origins) -> set[tuple[float, int]]:
        """Return the (strength, seed) that were read from files with other contents than those of ``origins``."""
        known = self.origins() if origins and self.exists() else {}
        return {key for key, digest in known.items() if key in origins and origins[key].digest != digest}

    def broken(self, thorough: bool = False) -> dict[str, str]:
        """Return the state of damaged files, by name: "is missing" or "has been changed".

        Args:
            thorough: compare the checksums of all files; otherwise only the table's checksum and all sizes.
        """
        found = {}
        for name, (size, digest) in self._files().items():
            path = self.folder / name
            try:
                whole = thorough or name == SAMPLES
                same = path.stat().st_size == size and not (whole and file_digest(path) != digest)
            except OSError:
                found[name] = "is missing"
            else:
                if not same:
                    found[name] = "has been changed"
        return found

    def _files(self) -> dict[str, tuple[int, str]]:
        """Return size and sha256 by name."""
        return self.info()["files"]

    def samples(self) -> pd.DataFrame:
        """Return a row for each image, in the columns :data:`SAMPLE_COLUMNS`.

        Raises:
            DamagedError: the table is missing or changed.
        """
        return self.sample_table().to_pandas()

    def sample_table(self) -> pa.Table:
        """Return :meth:`samples` as an Arrow table."""
        try:
            _, digest = self._files()[SAMPLES]
        except OSError:  # it is being replaced
            raise DamagedError(f"{self.folder} is not complete.") from None
        return read_parquet(self.folder / SAMPLES, digest)

    def input(self) -> np.ndarray:
        return read_image(self.folder / "input.png")

    def truth(self) -> np.ndarray | None:
        """Return the true edit, (size, size, 3) uint8; None if there is none."""
        path = self.folder / "truth.png"
        return read_image(path) if path.exists() else None

    def image(self, name: str) -> np.ndarray:
        """Return a sample's image, (size, size, 3) uint8, named as in the column ``image``."""
        return read_image(self.folder / Path(name).name)

    def scores(self) -> pd.DataFrame:
        """Return the scores of all metrics, in the columns :data:`SCORE_COLUMNS`.

        ``reason`` explains a score that is NaN, and is empty otherwise.

        Raises:
            DamagedError: a metric's file is missing or changed.
        """
        tables = [self._score_table(path) for path in self._score_files()]
        return pa.concat_tables(tables).to_pandas() if tables else pd.DataFrame(columns=list(SCORE_COLUMNS))

    def score_tables(self) -> Iterator[pa.Table | DamagedError]:
        """Yield the table of each metric's scores; for a damaged one its error."""
        for path in self._score_files():
            try:
                yield self._score_table(path)
            except DamagedError as error:
                yield error

    def scores_of(self, metric: str) -> pd.DataFrame | None:
        """Return one metric's scores; None if there are none, or they are damaged."""
        try:
            return self._score_table(self.score_file(metric)).to_pandas()
        except DamagedError:
            return None

    def score_file(self, metric: str) -> Path:
        return self.folder / "scores" / f"{metric.replace('/', '~')}.parquet"

    def add_scores(self, metric: str, scores: pd.DataFrame) -> None:
        """Add one metric's scores of images; they replace existing scores of the same images."""
        with self._scoring():
            had = self.scores_of(metric)
            if had is not None:
                both = pd.concat([had, scores], ignore_index=True).drop_duplicates(KEY, keep="last")
                scores = both.sort_values(KEY, ignore_index=True)
            self._replace_scores(metric, scores)

    def write_scores(self, metric: str, scores: pd.DataFrame) -> None:
        """Write one metric's scores in place of all existing ones."""
        with self._scoring():
            self._replace_scores(metric, scores)

    @contextmanager
    def _scoring(self) -> Iterator[None]:
        """Hold the lock of a run's scores."""
        with writing(self.folder), FileLock(self.folder.parents[1] / ".locks" / "scores.lock"):
            yield

    def _replace_scores(self, metric: str, scores: pd.DataFrame) -> None:
        path = self.score_file(metric)
        path.parent.mkdir(exist_ok=True)
        clear_half_written(path.parent)
        digest = write_parquet(path, scores.reindex(columns=list(SCORE_COLUMNS), fill_value=""))
        sums = {name: known for name, known in self._score_sums().items() if (path.parent / name).exists()}
        replace_text(path.parent / "sums.json", json.dumps(sums | {path.name: digest}, sort_keys=True, indent=1))

    def forget_scores(self, requests: Collection[tuple[float, int]]) -> None:
        """Delete the scores of these (strength, seed), and damaged files of scores."""
        for path in self._score_files():
            try:
                scores = self._score_table(path).to_pandas()
            except DamagedError:
                self._drop_scores(path)
                continue
            stays = scores[[key not in requests for key in zip(scores["strength"], scores["seed"], strict=True)]]
            if not len(stays):
                self._drop_scores(path)
            elif len(stays) < len(scores):
                self.write_scores(scores["metric"].iloc[0], stays)

    def forget_metrics(self, outdated: Callable[[str], bool]) -> None:
        """Delete the scores of the metrics whose names are ``outdated``, and damaged or empty files of scores."""
        for path in self._score_files():
            try:
                metrics = self._score_table(path)["metric"].to_pylist()
            except DamagedError:
                metrics = []
            if not metrics or outdated(metrics[0]):
                self._drop_scores(path)

    def _drop_scores(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        if (sums := self._score_sums()).pop(path.name, None):
            replace_text(path.parent / "sums.json", json.dumps(sums, sort_keys=True, indent=1))

    def score_names(self) -> list[str]:
        """Return the names of the metrics with undamaged scores."""
        tables = (table for table in self.score_tables() if not isinstance(table, DamagedError) and len(table))
        return [table["metric"][0].as_py() for table in tables]

    def _score_files(self) -> list[Path]:
        """Return the existing files of scores and those that should exist."""
        folder = self.folder / "scores"
        return sorted({*folder.glob("*.parquet"), *(folder / name for name in self._score_sums())})

    def _score_sums(self) -> dict[str, str]:
        """Return the sha256 by file; empty without scores. A file without a sum counts as damaged."""
        try:
            return json.loads((self.folder / "scores" / "sums.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def _score_table(self, path: Path) -> pa.Table:
        return read_parquet(path, self._score_sums().get(path.name, "")).select(list(SCORE_COLUMNS))
