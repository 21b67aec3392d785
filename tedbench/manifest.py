"""The files of the published TEdBench: its list, and checksums, so that every copy can be verified.

``python -m tedbench.manifest FOLDER`` prints the manifest of a folder in the published layout; ``manifest.json`` is
that of commit 9b3b5de of https://github.com/imagic-editing/imagic-editing.github.io. No image is shipped.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import asdict, dataclass
from enum import Enum
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from runtime.output import safe_output
from tedbench.errors import ImageError, UserError
from tedbench.image import read_image
from tedbench.table import check_unicode

LIST = "input_list.json"
ORIGINALS = "originals"


@dataclass(frozen=True)
class FileFacts:
    """A file's length and the SHA-256 of its bytes."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class ImageFacts(FileFacts):
    """An image file's facts, with its height, width and the SHA-256 of its pixels as (H, W, 3) uint8 RGB.

    The pixels distinguish a copy in another file format from a changed image. They assume the usual JPEG decoder
    (libjpeg-turbo, as in Pillow's wheels); other decoders may differ by a grey level.
    """

    height: int
    width: int
    pixels: str

    @property
    def file(self) -> FileFacts:
        """Facts of the file alone."""
        return FileFacts(self.bytes, self.sha256)


@dataclass(frozen=True)
class Manifest:
    """The list and the files.

    Attributes:
        pairs: (image name, target text) in the published order.
        list: facts of ``input_list.json``.
        images: facts by image name, of the files in ``originals/``.
    """

    pairs: tuple[tuple[str, str], ...]
    list: FileFacts
    images: dict[str, ImageFacts]

    @classmethod
    def load(cls) -> Manifest:
        """Load the manifest of the published benchmark."""
        return cls.from_json(json.loads(resources.files("tedbench").joinpath("manifest.json").read_text("utf-8")))

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Manifest:
        return cls(
            tuple((name, text) for name, text in data["pairs"]),
            FileFacts(**data["list"]),
            {name: ImageFacts(**facts) for name, facts in data["images"].items()},
        )

    @classmethod
    def of(cls, folder: Path) -> Manifest:
        """Return the manifest of a folder in the published layout."""
        pairs = tuple(read_list(folder / LIST))
        names = sorted({name for name, _ in pairs})
        return cls(pairs, file_facts(folder / LIST), {name: image_facts(folder / ORIGINALS / name) for name in names})

    def to_json(self) -> dict[str, Any]:
        images = {name: asdict(facts) for name, facts in self.images.items()}
        return {"pairs": [list(pair) for pair in self.pairs], "list": asdict(self.list), "images": images}


class Match(Enum):
    """Result of the comparison of a file with the published one."""

    SAME = "the same file"
    PIXELS = "the same pixels in another file"
    OTHER = "another image"
    MISSING = "missing"


def compare_image(path: Path, facts: ImageFacts) -> Match:
    """Compare the file at ``path`` with the published one; it is decoded only if its bytes differ."""
    if not path.is_file():
        return Match.MISSING
    if file_facts(path) == facts.file:
        return Match.SAME
    try:
        return Match.PIXELS if pixel_sha256(read_image(path)) == facts.pixels else Match.OTHER
    except ImageError:
        return Match.OTHER


def read_list(path: Path) -> list[tuple[str, str]]:
    """Return the (image name, target text) pairs of an ``input_list.json``, verbatim.

    Raises:
        UserError: the file is missing or is not such a list.
    """
    try:
        rows = json.loads(path.read_text("utf-8-sig"))
        pairs = [(row["img_name"], row["target_text"]) for row in rows]
    except FileNotFoundError:
        raise UserError(
            f"{path} does not exist. Set dataset.root to a folder with {LIST} and {ORIGINALS}/, "
            "or to null to download them."
        ) from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"{path} is not TEdBench's list ({error!r}). Get it again: it is a list of img_name and target_text."
        ) from None
    if not all(isinstance(part, str) for pair in pairs for part in pair):
        raise UserError(f"{path} has an img_name or target_text that is no text. Put it in quotes.")
    for name, text in pairs:
        check_unicode(text, str(path))
        if not name or name != Path(name).name or "\0" in name:
            raise UserError(
                f"{path} has the img_name {name!r}. It must be a plain file name, of an image in {ORIGINALS}/."
            )
    return pairs


def file_facts(path: Path) -> FileFacts:
    """Return length and SHA-256 of a file."""
    data = path.read_bytes()
    return FileFacts(len(data), hashlib.sha256(data).hexdigest())


def image_facts(path: Path) -> ImageFacts:
    """Return a file's facts with its size and pixels.

    Raises:
        ImageError: it cannot be read.
    """
    image = read_image(path)
    return ImageFacts(
        **asdict(file_facts(path)), height=image.shape[0], width=image.shape[1], pixels=pixel_sha256(image)
    )


def pixel_sha256(image: np.ndarray) -> str:
    """Return the SHA-256 of the shape and the pixels of an (H, W, 3) uint8 image."""
    return hashlib.sha256(repr(image.shape).encode() + np.ascontiguousarray(image).tobytes()).hexdigest()


if __name__ == "__main__":
    with safe_output():
        json.dump(
            Manifest.of(Path(sys.argv[1])).to_json(), sys.stdout, indent=1, ensure_ascii=sys.stdout.encoding != "utf-8"
        )
        print()
