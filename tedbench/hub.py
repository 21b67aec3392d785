"""TEdBench from the Hugging Face hub: a table of images and texts without file names, which are reconstructed."""

from __future__ import annotations

import io
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from tedbench.download import DownloadError
from tedbench.errors import UserError
from tedbench.image import to_rgb
from tedbench.manifest import Manifest, pixel_sha256

REPO = "bahjat-kawar/tedbench"
REVISION = "8df31319297f5a66223804bea99be309efad0ddf"
FILE = "data/val-00000-of-00001.parquet"
URL = f"https://huggingface.co/datasets/{REPO}/tree/{REVISION}"


class HubRow(NamedTuple):
    """A target text and the bytes of its image file."""

    text: str
    image: bytes


def fetch_table() -> Path:
    """Return the hub's table, in the hub's own cache (``HF_HOME``).

    Raises:
        DownloadError: it cannot be downloaded.
    """
    from huggingface_hub import hf_hub_download

    log = logging.getLogger("huggingface_hub")
    level = log.level
    log.setLevel(logging.ERROR)  # it would log each of its retries
    try:
        return Path(hf_hub_download(REPO, FILE, repo_type="dataset", revision=REVISION))
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DownloadError(f"{URL}: {reason.rstrip('. ')}") from None
    finally:
        log.setLevel(level)


def read_hub_table(path: Path) -> list[HubRow]:
    """Read the rows of the table; its third column, the published edits, is not read.

    Raises:
        UserError: it is not such a table.
    """
    import pyarrow as pa
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path, columns=["original_image", "caption"]).to_pydict()
        images = [cell["bytes"] if isinstance(cell, dict) else cell for cell in table["original_image"]]
        return [HubRow(text, bytes(image)) for text, image in zip(table["caption"], images, strict=True)]
    except (OSError, KeyError, TypeError, pa.ArrowException) as error:
        raise UserError(
            f"{path} is not TEdBench's table ({error!r}). Delete it to fetch it again, or use dataset.source=github."
        ) from None


def name_images(rows: Sequence[HubRow], manifest: Manifest) -> dict[str, bytes]:
    """Return the image files by name.

    A text that occurs once identifies its image; other images are identified by their pixels. If the hub stores other
    pixels than were published, images that share a text are told apart by the images identified before.

    Raises:
        UserError: the texts are not the benchmark's, or an image matches no name.
    """
    if Counter(row.text for row in rows) != Counter(text for _, text in manifest.pairs):
        raise UserError(
            "The hub's table has other texts than TEdBench's list. Use dataset.source=github, or dataset.root."
        )
    names: dict[str, list[str]] = {}
    for name, text in manifest.pairs:
        names.setdefault(text, []).append(name)
    named: dict[str, bytes] = {}
    for row in sorted(rows, key=lambda row: len(names[row.text])):  # certain ones first
        name = _choose(row, names[row.text], named, manifest)
        if named.setdefault(name, row.image) != row.image and _pixels(named[name]) != _pixels(row.image):
            raise UserError(
                f"The hub's table has two different images for {name}. Use dataset.source=github, or dataset.root."
            )
    return named


def _choose(row: HubRow, candidates: Sequence[str], named: dict[str, bytes], manifest: Manifest) -> str:
    if len(candidates) == 1:
        return candidates[0]
    pixels = _pixels(row.image)
    found = [name for name in candidates if manifest.images[name].pixels == pixels]
    found = found or [name for name in candidates if named.get(name) == row.image]
    found = found or [name for name in candidates if name not in named]
    if len(found) != 1:
        raise UserError(
            f"{row.text!r} belongs to {' and '.join(candidates)}, and the hub's image has the pixels of neither. "
            "Use dataset.source=github, or dataset.root."
        )
    return found[0]


def _pixels(image: bytes) -> str:
    try:
        return pixel_sha256(to_rgb(Image.open(io.BytesIO(image))))
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(
            f"The hub's table has an unreadable image ({error}). Use dataset.source=github, or dataset.root."
        ) from None
