"""Detection of models trained on Picturebook's drawn world alone, whose images must be labelled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from imagic.models.weights import EMBEDDED, locate, locate_all, paths

SHIPPED = ("diffusion", "cascade/base")
"""The embedded models that read texts; each has its own vocabulary, learnt from the drawn world's captions."""


def is_synthetic(model: Mapping[str, Any]) -> bool:
    """True if a model of a resolved configuration was trained on Picturebook.

    That is any model that the project ships (``picturebook:NAME``, or its folder), and any whose tokenizer has the same
    vocabulary: copies, and models written by ``python -m picturebook.train``. The model's name is not looked at.
    """
    if any(path.startswith(EMBEDDED) for path in paths(model).values()):
        return True
    return any((words := _vocabulary(folder)) and words in _embedded() for folder in locate_all(model).values())


@cache
def _embedded() -> tuple[dict[str, int], ...]:
    return tuple(_vocabulary(locate(f"{EMBEDDED}{name}")) for name in SHIPPED)


def _vocabulary(folder: Path) -> dict[str, int]:
    """Return each token's number in a model's folder; empty if there is no such tokenizer."""
    try:
        found = json.loads((folder / "tokenizer" / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}
