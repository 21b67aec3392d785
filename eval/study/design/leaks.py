"""The leak scan: does anything in a study's public folder tell which method made an image?"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterator
from importlib.resources import files
from pathlib import Path

from eval.study.design.definition import Study
from eval.study.design.images import TIME
from eval.study.sheets.mturk import SESSION, STUDY, batch_columns, numbered
from eval.study.sheets.sheets import BATCH, IMAGES, SETTINGS, TEMPLATE, UPLOAD, read_batches, row

IMAGE_NAME = re.compile(r"[0-9a-f]{32}\.(jpg|png)")
OPAQUE_ID = re.compile(r"[0-9a-f]{32}")
JPEG_MARKERS = {b"\xff\xe0", b"\xff\xdb", b"\xff\xc0", b"\xff\xc4", b"\xff\xda"}
"""JFIF, quantisation, frame, Huffman tables, scan: all that pixels need. A comment or EXIF has another marker."""
PNG_CHUNKS = {b"IHDR", b"IDAT", b"IEND"}
CHANCE = 1e-6
"""Probability of a false alarm in a statistical check."""


def find_leaks(public: Path, study: Study, words: Collection[str], url: str) -> list[str]:
    """Return everything in the folder that could tell a rater which method made an image; there should be nothing.

    Checked are the set of files; the images' names, headers, lengths, times, and duplicates; that the batches hold
    nothing but opaque ids, target texts and addresses, each image once; every text for words that name a method; and
    the correlation of names and sides with methods.

    Args:
        public: the folder.
        study: the study that it should hold.
        words: that name methods: in names, runs, models.
        url: prefix of the batches' addresses.

    Returns:
        A line for each leak.
    """
    return [
        *_strange_files(public),
        *_images(public / IMAGES),
        *_batches(public, study, url),
        *_words(public, identifying_words(words)),
        *_order(study),
    ]


def identifying_words(words: Collection[str]) -> list[str]:
    """Return the words to search for: those of three letters or more that are not in the project's own templates."""
    own = " ".join(path.read_text(encoding="utf-8") for path in _templates()).lower()
    return sorted(word for word in {word.lower() for word in words} if len(word) >= 3 and not _word(word).search(own))


def _templates() -> Iterator[Path]:
    folder = Path(str(files("eval.study"))) / "templates"
    return (path for path in folder.iterdir() if path.name.split(".")[0] in ("screens", "UPLOAD"))


def _word(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z0-9]){re.escape(word)}(?![a-z0-9])", re.IGNORECASE)


def _strange_files(public: Path) -> Iterator[str]:
    known = {IMAGES, TEMPLATE, SETTINGS, UPLOAD}
    for path in sorted(public.iterdir()):
        if path.name not in known and not BATCH.fullmatch(path.name):
            yield f"{path.name} is no part of a study"
    for path in sorted((public / IMAGES).iterdir()):
        if not IMAGE_NAME.fullmatch(path.name):
            yield f"{IMAGES}/{path.name} is not an opaque name"


def _images(folder: Path) -> Iterator[str]:
    headers, lengths, times, contents = Counter[bytes](), Counter[int](), Counter[int](), Counter[bytes]()
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        try:
            headers[image_header(content)] += 1
        except ValueError as error:
            yield f"{IMAGES}/{path.name} {error}"
        lengths[len(content)] += 1
        times[int(path.stat().st_mtime)] += 1
        contents[hashlib.sha256(content).digest()] += 1
    for what, seen in (("formats, sizes or codec settings", headers), ("lengths", lengths), ("times", times)):
        if len(seen) > 1:
            yield f"the images have {len(seen)} different {what}"
    if times.keys() - {TIME}:
        yield "the images' times tell when they were written"
    if twice := sum(count > 1 for count in contents.values()):
        yield f"{twice} images are there twice under different names"


def image_header(content: bytes) -> bytes:
    """Return the header of a JPEG or PNG: everything before the pixels.

    Raises:
        ValueError: it is neither, or has parts that pixels do not need.
    """
    if content.startswith(b"\xff\xd8"):
        at = 2
        while True:
            marker, length = content[at : at + 2], int.from_bytes(content[at + 2 : at + 4], "big")
            if marker not in JPEG_MARKERS:
                raise ValueError(f"has a JPEG segment {marker.hex()} besides what pixels need")
            at += 2 + length
            if marker == b"\xff\xda":
                return content[:at]
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        at = 8
        names: list[bytes] = []
        while not names or names[-1] != b"IEND":
            length, name = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
            if name not in PNG_CHUNKS:
                raise ValueError(f"has a PNG chunk {name!r} besides what pixels need")
            names.append(name)
            at += 12 + length
        return content[8:33]
    raise ValueError("is neither JPEG nor PNG")


def _batches(public: Path, study: Study, url: str) -> Iterator[str]:
    expected = {session.id: row(study, session, url) for session in study.sessions}
    columns = batch_columns(len(study.sessions[0].screens))
    named, seen = Counter[str](), Counter[str]()
    for file, cells in read_batches(public):
        if list(cells) != columns:
            yield f"{file} has other columns than a batch"
            return
        seen[cells[SESSION]] += 1
        if cells != expected.get(cells[SESSION]):
            yield f"{file}: session {cells[SESSION]} has cells that are not the study's"
        ids = [cells[SESSION], *(cells[name] for name in columns if name.startswith("screen_"))]
        if not all(map(OPAQUE_ID.fullmatch, ids)) or cells[STUDY] != study.tag:
            yield f"{file}: session {cells[SESSION]} has ids that are not opaque"
        places = range(1, len(study.sessions[0].screens) + 1)
        named.update(cells[numbered(name, n)].removeprefix(url) for n in places for name in ("input", "left", "right"))
    if seen.keys() != expected.keys() or max(seen.values()) > 1:
        yield "the batches do not have every session once"
    there = {path.name for path in (public / IMAGES).iterdir()}
    if named.keys() != there or max(named.values(), default=0) > 1:
        yield "the batches do not name every image once"


def _words(public: Path, words: Collection[str]) -> Iterator[str]:
    """Yield forbidden words in public files. Target texts are not searched: they are the same for all methods."""
    texts = {
        path.name: path.read_text(encoding="utf-8")
        for path in public.iterdir()
        if path.suffix in (".html", ".json", ".md")
    }
    names = " ".join(path.name for path in public.rglob("*"))
    cells = " ".join(
        value for _, cells in read_batches(public) for name, value in cells.items() if not name.startswith("text_")
    )
    for place, text in {**texts, "the batches": cells, "the files' names": names}.items():
        for word in words:
            if _word(word).search(text):
                yield f"{place} has the word “{word}”, which names a method or run"


def _order(study: Study) -> Iterator[str]:
    from scipy.stats import binomtest

    first, n = 0, 0
    for session in study.sessions:
        sides = Counter(screen.ours_side for screen in session.screens if screen.kind == "main")
        if abs(sides["left"] - sides["right"]) > 1:
            yield f"session {session.id} has the first method {sides['left']} times left, {sides['right']} times right"
        for screen in session.screens:
            left_first = screen.left_image < screen.right_image
            first += left_first == (screen.ours_side == "left")
            n += 1
    if binomtest(first, n).pvalue < CHANCE:
        yield f"of {n} screens the first method's image comes first by name in {first}"
