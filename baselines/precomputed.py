"""Edited images made elsewhere, as a method: nothing is edited, existing images are brought into the run."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from baselines.precomputed_files import (
    AS_PUBLISHED,
    PUBLISHED,
    Digests,
    FileList,
    Key,
    check_pattern,
    file_name,
    identity_of,
    named,
    pictures,
)
from tedbench.disk import is_file, on_disk
from tedbench.errors import ImageError, PairError, UserError
from tedbench.geometry import GEOMETRIES, Geometry, Size, lies_on, onto_square, size_in_file, size_of
from tedbench.image import read_image
from tedbench.method import Axis, Description, Edit, Editor, Facts, Files, Origin, Progress, Randomness, Sample, silent
from tedbench.pair import EditPair, Entry


class PrecomputedFiles(Files):
    """Images in a folder by their names, or in a list of files.

    A folder has one image a pair, under one strength and seed. A list may have strengths and seeds.

    Attributes:
        axis: of their strengths.
        geometry: how edits of another shape than their input were made; None if it is not known.
        images: every file in the folder or list, sorted.
    """

    def __init__(
        self,
        folder: str | Path | None = None,
        pattern: str = PUBLISHED,
        file: str | Path | None = None,
        geometry: Geometry | None = None,
        shared_files: bool = False,
    ) -> None:
        """
        Args:
            folder: of images named by ``pattern``.
            pattern: of the names, which may have "/". Its fields are ``{image_name}`` ("dog.jpeg"), ``{image_stem}``
                ("dog"), ``{text}`` (the target text without its last period and with _ for spaces), ``{target_text}``
                (verbatim) and ``{pair_id}``. By default TEdBench's own rule.
            file: in place of a folder, a CSV with the columns image, target_text and file (paths relative to the
                list), and optionally strength and seed.
            geometry: the way edits of another shape than their input were made: "crop" from the input's centre square,
                "squash" from the whole input resized to the edit's shape, "pad" from the whole input between two bars.
                None takes them as "crop", and warns.
            shared_files: True if several pairs may have one file.

        Raises:
            UserError: neither or both of folder and file, one that does not exist, an unknown field or geometry.
        """
        if (folder is None) == (file is None):
            raise UserError(
                "Precomputed images need either method.folder (images named by method.pattern) or method.file (a CSV "
                f"of image, target_text, file); {'none' if folder is None else 'both'} is given. Give one."
            )
        if geometry is not None and geometry not in GEOMETRIES:
            raise UserError(f"method.geometry={geometry} does not exist. There are: {', '.join(GEOMETRIES)}.")
        self.pattern, self.folder = pattern, None if folder is None else Path(str(folder)).expanduser()
        self.geometry, self.shared_files = geometry, shared_files
        self._listed: FileList | None = None
        if self.folder is not None:
            check_pattern(pattern)
            if not self.folder.is_dir():
                raise UserError(f"method.folder={folder} is no folder. Give the one that holds the edited images.")
            self.images = sorted(pictures(self.folder))
        else:
            self._listed = FileList(Path(str(file)).expanduser())
            self.images = self._listed.paths
        self.axis = AS_PUBLISHED if self._listed is None else self._listed.axis
        self.keys = [(1.0, 0)] if self._listed is None else self._listed.keys
        self._digests = Digests()

    def of(self, entry: Entry) -> dict[Key, Path]:
        """A pair's files by (strength, seed), whether they are there or not.

        Raises:
            UserError: the list has an image of the pair twice.
        """
        if self._listed is not None:
            return self._listed.files(entry)
        return {(1.0, 0): on_disk(self.folder / file_name(self.pattern, entry))}  # type: ignore[operator]

    def origins(self, entry: Entry) -> dict[Key, Origin]:
        """The digest of each file that is read for the pair, for every (strength, seed) that any pair has."""
        files = self.of(entry)
        return {key: Origin(self._digests.of(files.get(key))) for key in self.keys}

    def check(self, entries: Sequence[Entry]) -> None:
        """Warn of missing images, of files that several pairs share, and of edits with another shape than their input.

        Raises:
            UserError: no pair has its image, one is listed twice, or several pairs have one file although
                ``shared_files`` is not set.
        """
        wanted = {entry.id: self.of(entry) for entry in entries}
        self._check_missing(entries, wanted)
        there = {id: {key: path for key, path in files.items() if is_file(path)} for id, files in wanted.items()}
        self._check_shared(entries, there)
        self._check_shapes(entries, there)

    def _check_missing(self, entries: Sequence[Entry], wanted: dict[str, dict[Key, Path]]) -> None:
        lacking = [entry for entry in entries if not any(map(is_file, wanted[entry.id].values()))]
        if not lacking:
            return
        first = next(iter(wanted[lacking[0].id].values()), None)
        such = f"{lacking[0].id} in the list" if first is None else str(first)
        known = {path for files in wanted.values() for path in files.values()}
        others = [path for path in self.images if path not in known]
        hint = f" {len(others)} other images are there, such as {others[0].name}." if others else ""
        if len(lacking) == len(entries):
            raise UserError(
                f"Of {len(entries)} pairs none has its edited image: there is no {such}.{hint} "
                "Check method.folder and method.pattern, or method.file."
            )
        _warn(
            f"{len(lacking)} of {len(entries)} pairs have no edited image: there is no {such}.{hint} They are failed "
            "rows of the run."
        )

    def _check_shared(self, entries: Sequence[Entry], there: dict[str, dict[Key, Path]]) -> None:
        readers: dict[tuple[object, ...], list[tuple[str, Path]]] = defaultdict(list)
        for id, files in there.items():
            for path in files.values():
                readers[identity_of(path)].append((id, path))
        shared = [found for found in readers.values() if len({id for id, _ in found}) > 1]
        if shared:
            pairs = {id for found in shared for id, _ in found}
            (one, path), (other, _) = next(
                (found[0], each) for found in shared for each in found if each[0] != found[0][0]
            )
            words = f"{len(pairs)} of {len(entries)} pairs share their edited image with another: {path} is read for {one} and {other}."
            if not self.shared_files:
                how = (
                    "a method.pattern that tells them apart, as {image_name}, {target_text} and {pair_id} do"
                    if self._listed is None
                    else "each pair its own file"
                )
                raise UserError(f"{words} Give {how}, or method.shared_files=true if that is meant.")
            _warn(words)
        repeated = sum(len(found) > len({id for id, _ in found}) for found in readers.values())
        if repeated:
            path = next(found[0][1] for found in readers.values() if len(found) > len({id for id, _ in found}))
            count = "1 file is" if repeated == 1 else f"{repeated} files are"
            _warn(f"{count} read for several strengths or seeds of one pair, such as {path}.")
        self._check_copies(entries, there)

    def _check_copies(self, entries: Sequence[Entry], there: dict[str, dict[Key, Path]]) -> None:
        """Warn of different files with the same content for different texts on one input."""
        known: dict[tuple[str, Key, str], list[Path]] = defaultdict(list)
        for entry in entries:
            for key, path in there[entry.id].items():
                known[entry.image_name, key, self._digests.of(path)].append(path)
        copies = [paths for paths in known.values() if len({identity_of(path) for path in paths}) > 1]
        if copies:
            one, other = next((paths[0], path) for paths in copies for path in paths if path != paths[0])
            _warn(
                f"{sum(map(len, copies))} edited images have the same content as that of another text on their input, "
                f"such as {one} and {other}."
            )

    def _check_shapes(self, entries: Sequence[Entry], there: dict[str, dict[Key, Path]]) -> None:
        """Warn of edits that are not aligned with their inputs, judged by the sizes in the files' headers."""
        inputs: dict[str, Size | None] = {}
        unlike, total = [], 0
        for entry in entries:
            if entry.path is None:
                continue
            if entry.path not in inputs:
                inputs[entry.path] = size_in_file(Path(entry.path))
            original = inputs[entry.path]
            for path in there[entry.id].values():
                edited = size_in_file(path)
                total += 1
                if original is not None and edited is not None and not lies_on(edited, original, self.geometry):
                    unlike.append(f"{path} is {edited} and its input {original}")
        if unlike:
            ways = (
                "They are taken as if made from the input's centre square; say how they were made with "
                "method.geometry=crop, squash or pad."
                if self.geometry is None
                else "Their centre squares do not lie on each other; method.geometry=squash or pad may be meant."
            )
            _warn(f"{len(unlike)} of {total} edited images have another shape than their input: {unlike[0]}. {ways}")


class Precomputed(Editor):
    """Give back edited images that were made elsewhere.

    An image that is missing or unreadable fails its pair alone. Every image is brought to its pair's square, by the
    shape of the input as its file has it and by how the edit was made (``geometry``); sizes stand in the run's tables
    and report. Where edits have another shape than their inputs and nobody says why, they are counted and named.

    A run knows such images by their contents: :meth:`PrecomputedFiles.origins` gives the digest of the very file that
    each image is read from, whatever its name, ending or folder. The run keeps it beside the image, and an image whose
    file is another one since is made and scored again, it alone. So lists may be mended, and a run of a few pairs
    extended, in one run folder; another ``folder`` or ``file`` is another run.
    """

    axis: ClassVar[Axis] = AS_PUBLISHED
    randomness: ClassVar[Randomness] = "sample"

    def __init__(
        self,
        folder: str | Path | None = None,
        pattern: str = PUBLISHED,
        file: str | Path | None = None,
        geometry: Geometry | None = None,
        shared_files: bool = False,
    ) -> None:
        """See :class:`PrecomputedFiles`."""
        self.files = PrecomputedFiles(folder, pattern, file, geometry, shared_files)
        self.axis = self.files.axis  # type: ignore[misc]

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        files = PrecomputedFiles(**settings)
        return replace(super().describe(settings), axis=files.axis, files=files)

    def fit(self, pair: EditPair, progress: Progress = silent) -> PrecomputedEdit:
        """Look up the pair's files."""
        files = self.files
        return PrecomputedEdit(pair, files.of(pair.entry), files.origins(pair.entry), files.geometry)


class PrecomputedEdit(Edit):
    """A pair's images on disk."""

    def __init__(
        self, pair: EditPair, files: dict[Key, Path], origins: dict[Key, Origin], geometry: Geometry | None
    ) -> None:
        self._pair, self._files, self._origins, self._geometry = pair, files, origins, geometry
        side = pair.image.shape[0]
        self._original = Size(*(pair.original_size or (side, side)))
        self._sizes: dict[str, str] = {}
        self._shapes: dict[str, dict[str, str]] = {}

    def sample(self, requests: Sequence[Key], progress: Progress = silent) -> Iterator[Sample]:
        """Yield the images that exist, in order of the requests.

        Raises:
            PairError: some are missing or unreadable; raised after all others were yielded.
        """
        side, problems = self._pair.image.shape[0], []
        for strength, seed in requests:
            path = self._files.get((strength, seed))
            if path is None or not is_file(path):
                problems.append(f"missing: {named(strength, seed) if path is None else path.name}")
                continue
            try:
                image = read_image(path)
            except ImageError as error:
                problems.append(str(error))
                continue
            geometry: Geometry = self._geometry or "crop"
            self._record((strength, seed), path.name, size_of(image), geometry)
            yield Sample(strength, seed, onto_square(image, side, self._original, geometry))
        if problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            raise PairError(f"{problems[0]}{more}")

    def _record(self, key: Key, name: str, size: Size, geometry: Geometry) -> None:
        side = self._pair.image.shape[0]
        if size != (side, side):
            self._sizes[name] = str(size)
        if self._pair.original_size is not None and not lies_on(size, self._original, None):
            self._shapes[name] = {"input": str(self._original), "edit": str(size), "geometry": geometry}
        origin = self._origins.get(key)
        if origin is not None:
            self._origins[key] = origin._replace(size=size, geometry=geometry)

    def origins(self) -> dict[Key, Origin]:
        return self._origins

    def facts(self) -> Facts:
        """Return by file name the original sizes of resized images, and the sizes of those of another shape."""
        facts = Facts(resized_from=self._sizes) if self._sizes else Facts()
        return facts | Facts(other_shape=self._shapes) if self._shapes else facts


def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=4)
