"""The benchmark's unit: an input image and the text of the wanted edit."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from tedbench.errors import UserError

if TYPE_CHECKING:
    import numpy as np


def pair_id(image_name: str, target_text: str) -> str:
    """Return a readable, unique name made from content, safe as a file name: ``dog.png_a_sitting_dog-1f2e3d4c``.

    It depends on nothing but its arguments, so it survives reordering and subsets.
    """
    digest = hashlib.sha256(f"{image_name}\0{target_text}".encode()).hexdigest()[:8]
    words = re.sub(r"[^a-z0-9.]+", "_", f"{image_name}-{target_text}".lower().replace("-", "_"), flags=re.ASCII)
    return f"{words.strip('_.')[:72].rstrip('_.')}-{digest}"


@dataclass(frozen=True)
class Entry:
    """A pair without its image: name and texts.

    Attributes:
        image_name: the input's file name; pairs with one name are on one source image (as are those with equal pixels,
            see :mod:`eval.runs.source_groups`).
        target_text: description of the wanted edited image.
        source_text: description of the input.
        source_object, target_object: the subject before and after ("dog", "sitting dog").
        category: kind of edit ("pose", "addition", …); no image or score depends on it.
        instruction: the edit as a command ("make the dog sit").
        mask: file of the region to edit, named as in its list.
        path: the input's file, if it is one; not part of the pair's identity.

    The optional text fields are listed here and nowhere else: lists, annotations and run folders have a column for each
    of :meth:`fields`.
    """

    image_name: str
    target_text: str
    source_text: str | None = None
    source_object: str | None = None
    target_object: str | None = None
    category: str | None = field(default=None, metadata={"tables_only": True})
    instruction: str | None = None
    mask: str | None = None
    path: str | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.image_name.strip():
            raise UserError(f"A pair with the text {self.target_text!r} names no image. Give every pair an image.")
        if not self.target_text.strip():
            raise UserError(f"The pair on {self.image_name} has an empty target text. Give every pair a text.")

    @property
    def id(self) -> str:
        """The pair's id, see :func:`pair_id`."""
        return pair_id(self.image_name, self.target_text)

    @classmethod
    def fields(cls, *, tables_only: bool | None = None) -> tuple[str, ...]:
        """Return the names of the optional text fields.

        Args:
            tables_only: True for those that only tables and intervals use, False for the others, None for all.
        """
        found = [f for f in fields(cls) if f.default is None and f.compare]
        return tuple(f.name for f in found if tables_only in (None, f.metadata.get("tables_only", False)))

    def texts(self) -> dict[str, str | None]:
        """Return the optional text fields by name."""
        return {name: getattr(self, name) for name in self.fields()}


@dataclass(frozen=True, eq=False)
class EditPair:
    """An :class:`Entry` with its pixels, in the pair's canonical square.

    Attributes:
        entry: names and texts.
        image: the input, (size, size, 3) uint8 RGB.
        truth: the true edit if it is known (Picturebook), like ``image``.
        original_size: (width, height) of the input before it was brought to the square; None if it is not known.
        mask: True where the edit belongs, (size, size) bool; None if the pair has none.
    """

    entry: Entry
    image: np.ndarray
    truth: np.ndarray | None = None
    original_size: tuple[int, int] | None = None
    mask: np.ndarray | None = None

    def __post_init__(self) -> None:
        for name, image in (("image", self.image), ("truth", self.truth)):
            if image is not None and (
                image.dtype != "uint8" or image.ndim != 3 or image.shape[0] != image.shape[1] or image.shape[2] != 3
            ):
                raise ValueError(
                    f"{name} of {self.id}: expected (size, size, 3) uint8, got {image.shape} {image.dtype}"
                )
        mask = self.mask
        if mask is not None and (mask.dtype != "bool" or mask.shape != self.image.shape[:2]):
            raise ValueError(f"mask of {self.id}: expected {self.image.shape[:2]} bool, got {mask.shape} {mask.dtype}")

    @property
    def id(self) -> str:
        return self.entry.id

    @property
    def target_text(self) -> str:
        return self.entry.target_text

    @property
    def source_text(self) -> str | None:
        return self.entry.source_text
