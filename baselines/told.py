"""The text that an instruction editor is told for a pair: a field of it, or a template."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

from tedbench.errors import UserError
from tedbench.pair import Entry

if TYPE_CHECKING:
    from tedbench.pair import EditPair

FIELDS = ("instruction", "target_text")
"""Fields of a pair that can be told as they are."""


def told(text: str, pair: EditPair) -> str:
    """Return what is told for a pair.

    Args:
        text: one of :data:`FIELDS`, or a template with the names of a pair's fields in braces, such as
            "Change the image so that it shows: {target_text}".
        pair: which has the fields.
    """
    template = f"{{{text}}}" if text in FIELDS else text
    return template.format_map({"target_text": pair.target_text, **pair.entry.texts()})


def needs_of(text: str) -> tuple[str, ...]:
    """Return the fields that a text or template reads and that not every pair has.

    Raises:
        UserError: a template without a field, or with one that pairs do not have.
    """
    return tuple(name for name in _fields(text) if name in Entry.fields())


def _fields(text: str) -> list[str]:
    if text in FIELDS:
        return [text]
    try:
        found = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
    except ValueError as error:
        raise UserError(
            f"method.text={text!r} is no template ({error}). Give instruction, target_text or a template."
        ) from None
    known = ("target_text", *Entry.fields())
    if not found or (wrong := [name for name in found if name not in known]):
        which = f"pairs have no field {wrong[0]!r}" if found else "it names no field of a pair in braces"
        raise UserError(f"method.text={text!r}: {which}. There are {', '.join(known)}.")
    return found
