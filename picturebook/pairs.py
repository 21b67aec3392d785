"""The drawn benchmark: 100 planned edits on scenes that no model was trained on, with their right answers.

The plan is data: ``sources.csv`` has the input images, ``pairs.csv`` the edits. The texts are like TEdBench's and
within the world's grammar. Like in TEdBench, several texts share an image, and about half of them name no more than the
subject and the change.
"""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

from picturebook.world import Scene, draw_scene, edit
from picturebook.world.instructions import instruction

Split = Literal["preview", "all", "search"]
SPLITS: tuple[str, ...] = get_args(Split)
"""Seven pairs; the 100 that begin with them; 60 others on other images, for the choice of hyperparameters."""

CATEGORIES: tuple[str, ...] = ("pose", "addition", "replacement", "appearance", "setting", "count", "relation")

_NUMBERS = {"x": float, "size": float, "facing": int, "count": int}
_PLAIN = {"accessory": "", "count": 1, "other": "", "relation": "", "time": "day", "weather": "clear"}


@dataclass(frozen=True)
class SourceImage:
    """An input image.

    Attributes:
        image: its name, which seeds everything that is not planned. Training scenes have other seeds, so it is none of
            them.
        text: its description.
        fields: the planned fields of its scene: everything that texts can name, and the position of the subject.
    """

    image: str
    text: str
    fields: dict[str, Any]

    @property
    def scene(self) -> Scene:
        return draw_scene(random.Random(f"pair {self.image}"), **(_PLAIN | self.fields))


@dataclass(frozen=True)
class PlannedEdit:
    """One text on one image.

    Attributes:
        source: the image.
        target_text: the text of the edit.
        changes: the fields of the scene that the text changes. A subject that goes to a thing that stays has a new
            ``x``.
        source_object, target_object: the changed object before and after ("dog", "sitting dog"), for methods that need
            it.
        category: one of :data:`CATEGORIES`.
        split: the smallest of :data:`SPLITS` that it belongs to.
    """

    source: SourceImage
    target_text: str
    changes: dict[str, Any]
    source_object: str
    target_object: str
    category: str
    split: str

    @property
    def image(self) -> str:
        return self.source.image

    @property
    def source_text(self) -> str:
        return self.source.text

    @property
    def instruction(self) -> str:
        """The edit as a command."""
        return instruction(self.before, self.after)

    @property
    def before(self) -> Scene:
        """The input's scene."""
        return self.source.scene

    @property
    def after(self) -> Scene:
        """The right answer's scene: the input's with the changes and nothing else."""
        return edit(self.before, **self.changes)


def _table(name: str) -> list[dict[str, str]]:
    text = (files("picturebook") / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _fields(words: str) -> dict[str, Any]:
    """Parse ``"state=sitting x=0.5"`` to the fields of a scene."""
    named = (word.partition("=") for word in words.split())
    return {name: _NUMBERS.get(name, str)(value) for name, _, value in named}


@cache
def planned_edits(split: str) -> tuple[PlannedEdit, ...]:
    """Return the pairs of a split, one of :data:`SPLITS`, in the order of ``pairs.csv``."""
    sources = {
        row["image"]: SourceImage(row["image"], row["text"], _fields(row["fields"])) for row in _table("sources.csv")
    }
    return tuple(
        PlannedEdit(source=sources[row.pop("image")], changes=_fields(row.pop("changes")), **row)
        for row in _table("pairs.csv")
        if row["split"] == split or (split, row["split"]) == ("all", "preview")
    )
