"""Edited images made elsewhere, as a method: nothing is edited, what is there is put on the benchmark's footing."""

from __future__ import annotations

import hashlib
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import Formatter
from typing import Any, ClassVar, Literal, NamedTuple

from tedbench.disk import is_file
from tedbench.errors import ImageError, PairError, UserError
from tedbench.image import read_image, square
from tedbench.method import Axis, Edit, Editor, Progress, Sample, format_strength, silent
from tedbench.pair import EditPair, Entry
from tedbench.table import Row, read_table

PUBLISHED = "{image_name}-{text}.png"
"""How TEdBench names its published outputs."""

AS_PUBLISHED = Axis("as_published", "as published", (1.0,), fixed=True)
"""The axis of images that have no strength."""

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
Key = tuple[float, int]


class Found(NamedTuple):
    """The files of every pair by (strength, seed), and the axis that their strengths make."""

    axis: Axis
    files: dict[tuple[str, str], dict[Key, Path]]


class Precomputed(Editor):
    """Images from a folder by their names, or from a list of files.

    A folder has one image a pair, under one strength and seed. A list may have strengths and seeds. Images of another
    size or shape than the pair's go through the pair's own geometry (centre square, resized), and the run writes their
    sizes down. An image that is missing or unreadable fails its pair alone.
    """

    randomness: ClassVar[Literal["none", "fit", "sample"]] = "sample"

    def __init__(
        self, folder: str | Path | None = None, pattern: str = PUBLISHED, file: str | Path | None = None
    ) -> None:
        """
        Args:
            folder: of images named by ``pattern``.
            pattern: of the names, which may have "/". Its fields are ``{image_name}`` ("dog.jpeg"), ``{image_stem}``
                ("dog"), ``{text}`` (the target text without its last period and with _ for spaces), ``{target_text}``
                (verbatim) and ``{pair_id}``. By default TEdBench's own rule.
            file: in place of a folder, a CSV with the columns image, target_text and file (paths relative to the
                list), and optionally strength and seed.

        Raises:
            UserError: neither or both of folder and file, one that is not there, or an unknown field.
        """
        if (folder is None) == (file is None):
            raise UserError(
                "Precomputed images need either method.folder (images named by method.pattern) or method.file (a CSV "
                f"of image, target_text, file); {'none' if folder is None else 'both'} is given. Give one."
            )
        self.pattern, self.folder = pattern, None if folder is None else Path(str(folder)).expanduser()
        self._listed: Found | None = None
        if self.folder is not None:
            _check_pattern(pattern)
            if not self.folder.is_dir():
                raise UserError(f"method.folder={folder} is no folder. Give the one that holds the edited images.")
            images = (path for path in self.folder.rglob("*") if path.suffix.lower() in SUFFIXES)
            self.images = sorted(path for path in images if path.is_file())
        else:
            self._listed = _read_list(Path(str(file)).expanduser())
            self.images = sorted({path for files in self._listed.files.values() for path in files.values()})
        self.axis = AS_PUBLISHED if self._listed is None else self._listed.axis
        self.digest = _digest(self.images, self._listed)

    def files(self, entry: Entry) -> dict[Key, Path]:
        """A pair's files by (strength, seed), whether they are there or not."""
        if self._listed is not None:
            return self._listed.files.get((entry.image_name, entry.target_text), {})
        return {(1.0, 0): self.folder / file_name(self.pattern, entry)}  # type: ignore[operator]

    def requests(self, strengths: Sequence[float] | None, seeds: Sequence[int]) -> list[Key]:
        """Those that there are; images without seeds are seed 0, whatever seeds are asked.

        Raises:
            UserError: strengths or seeds that the list has nowhere.
        """
        there = {key for files in self._listed.files.values() for key in files} if self._listed else {(1.0, 0)}
        asked = super().requests(strengths, seeds)
        if {seed for _, seed in there} == {0}:
            asked = [(strength, 0) for strength in dict.fromkeys(strength for strength, _ in asked)]
        for what, i in (("strengths", 0), ("seeds", 1)):
            have = sorted({key[i] for key in there})
            if wrong := [key[i] for key in asked if key[i] not in have]:
                known = ",".join(map(format_strength, have))
                raise UserError(
                    f"There is no precomputed image of sweep.{what} {wrong[0]:g}. Give sweep.{what}=[{known}]."
                )
        return asked

    def check(self, entries: Sequence[Entry]) -> None:
        """Counts and names what is missing; a warning, unless all is.

        Raises:
            UserError: there is not one of the pairs' images.
        """
        wanted = {entry.id: list(self.files(entry).values()) for entry in entries}
        lacking = [entry for entry in entries if not any(is_file(path) for path in wanted[entry.id])]
        if not lacking:
            return
        first = next(iter(wanted[lacking[0].id]), None)
        such = f"{lacking[0].id} in the list" if first is None else str(first)
        known = {path for paths in wanted.values() for path in paths}
        others = [path for path in self.images if path not in known]
        hint = f" {len(others)} other images are there, such as {others[0].name}." if others else ""
        if len(lacking) == len(entries):
            raise UserError(
                f"Of {len(entries)} pairs none has its edited image: there is no {such}.{hint} "
                "Check method.folder and method.pattern, or method.file."
            )
        warnings.warn(
            f"{len(lacking)} of {len(entries)} pairs have no edited image: there is no {such}.{hint} They are failed "
            "rows of the run.",
            stacklevel=2,
        )

    def fit(self, pair: EditPair, progress: Progress = silent) -> PrecomputedEdit:
        """Looks up the pair's files."""
        return PrecomputedEdit(pair, self.files(pair.entry))


class PrecomputedEdit(Edit):
    """A pair's images on disk."""

    def __init__(self, pair: EditPair, files: dict[Key, Path]) -> None:
        self._pair, self._files = pair, files
        self._sizes: dict[str, str] = {}

    def sample(self, requests: Sequence[Key], progress: Progress = silent) -> Iterator[Sample]:
        """Those that are there, in order.

        Raises:
            PairError: some are missing or unreadable; after all others were yielded.
        """
        side, problems = self._pair.image.shape[0], []
        for strength, seed in requests:
            path = self._files.get((strength, seed))
            if path is None or not is_file(path):
                problems.append(f"missing: {_of(strength, seed) if path is None else path.name}")
                continue
            try:
                image = read_image(path)
            except ImageError as error:
                problems.append(str(error))
                continue
            if image.shape[:2] != (side, side):
                self._sizes[path.name] = f"{image.shape[1]}×{image.shape[0]}"
            yield Sample(strength, seed, square(image, side))
        if problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            raise PairError(f"{problems[0]}{more}")

    def facts(self) -> dict[str, Any]:
        """The sizes of images that were brought to the pair's, by file name."""
        return {"resized_from": self._sizes} if self._sizes else {}


def file_name(pattern: str, entry: Entry) -> str:
    """A pair's file by a pattern, see :class:`Precomputed`; a "/" in a text becomes _."""
    text = entry.target_text.replace("/", "_")
    return pattern.format(
        image_name=entry.image_name,
        image_stem=str(Path(entry.image_name).with_suffix("")),
        text=re.sub(r"\.$", "", text).replace(" ", "_"),
        target_text=text,
        pair_id=entry.id,
    )


def _check_pattern(pattern: str) -> None:
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


def _read_list(file: Path) -> Found:
    files: dict[tuple[str, str], dict[Key, Path]] = {}
    strengths = set()
    for row in read_table(file, "method.file", ("image", "target_text", "file"), ("strength", "seed")):
        cells, where = row.cells, f"{file}, {row.where}"
        key = (_number(row, "strength", 1.0, where), int(_number(row, "seed", 0, where)))
        strengths.add(key[0] if cells["strength"] else None)
        of_pair = files.setdefault((cells["image"] or "", cells["target_text"] or ""), {})
        if key in of_pair:
            raise UserError(f"{where}: this pair has {_of(*key)} already. Remove one, or give both a strength or seed.")
        of_pair[key] = file.parent / (cells["file"] or "")
    if not files:
        raise UserError(f"{file} has no rows. Give one for each edited image.")
    if None in strengths and len(strengths) > 1:
        raise UserError(f"{file} has rows with and rows without a strength. Give every row one, or none.")
    grid = sorted(strength for strength in strengths if strength is not None)
    return Found(Axis("strength", "strength", tuple(grid)) if grid else AS_PUBLISHED, files)


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


def _of(strength: float, seed: int) -> str:
    return f"strength {format_strength(strength)}, seed {seed}"


def _digest(images: Sequence[Path], listed: Found | None) -> str:
    """Over what the images are and, for a list, whose they are: other images are another run."""
    total = hashlib.sha256()
    for path in images:
        total.update(f"{path.name}\0{_file_digest(path)}\n".encode())
    for pair, files in sorted(listed.files.items()) if listed else ():
        total.update(repr((pair, sorted((key, path.name) for key, path in files.items()))).encode())
    return total.hexdigest()


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "missing"
