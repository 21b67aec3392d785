"""The drawn benchmark: 36 planned edits on 21 scenes that no model was trained on, with their right answers.

The texts are TEdBench's kind and within the world's grammar. As there, several texts share an image, and about half of
them name no more than the subject and what it becomes.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from picturebook.world import Scene, draw_scene, edit


class Source(NamedTuple):
    """An input picture: a true text, and the fields of its scene that are planned; its name seeds the others."""

    text: str
    fields: dict[str, Any]

    def scene(self, name: str) -> Scene:
        """The scene under this image name. Training scenes are seeded by other names, so it is none of them."""
        return draw_scene(random.Random(f"pair {name}"), **self.fields)


def _source(text: str, kind: str, state: str, color: str, place: str, **fields: Any) -> Source:
    return Source(text, {"kind": kind, "state": state, "color": color, "place": place, **fields})


# Cars and jumping animals are nearly as wide as the picture: they stand in the middle, so that nothing is cut off.
_SOURCES: dict[str, Source] = {
    "dog-01.png": _source("A photo of a standing brown dog in a meadow.", "dog", "standing", "brown", "meadow", x=0.5),
    "dog-02.png": _source("A brown dog standing on the beach.", "dog", "standing", "brown", "beach", x=0.5),
    "dog-03.png": _source("A black dog sitting in the snow.", "dog", "sitting", "black", "snow", x=0.5),
    "dog-04.png": _source("A photo of a white dog lying down on the street.", "dog", "lying", "white", "street", x=0.5),
    "cat-01.png": _source("A standing orange cat in a room.", "cat", "standing", "orange", "room", x=0.5),
    "cat-02.png": _source(
        "A photo of a black cat sitting on a city street.", "cat", "sitting", "black", "street", x=0.5
    ),
    "cat-03.png": _source("A jumping gray cat in a green field.", "cat", "jumping", "gray", "meadow", x=0.5),
    "bird-01.png": _source("A photo of a blue bird with folded wings on the beach.", "bird", "folded", "blue", "beach"),
    "bird-02.png": _source("A red bird standing in the snow.", "bird", "folded", "red", "snow"),
    "bird-03.png": _source("A yellow bird with spread wings in a meadow.", "bird", "spread", "yellow", "meadow"),
    "person-01.png": _source(
        "A photo of a standing person in a red shirt in a meadow.", "person", "plain", "red", "meadow"
    ),
    "person-02.png": _source(
        "A person in a blue shirt with arms down on the street.", "person", "plain", "blue", "street"
    ),
    "person-03.png": _source(
        "A person in a green shirt with raised arms in the snow.", "person", "raised", "green", "snow"
    ),
    "car-01.png": _source("A photo of a closed red car on the street.", "car", "closed", "red", "street", x=0.5),
    "car-02.png": _source("A yellow convertible on the beach.", "car", "convertible", "yellow", "beach", x=0.5),
    "car-03.png": _source("A closed white car in the desert.", "car", "closed", "white", "desert", x=0.5),
    "tree-01.png": _source("A photo of a green tree in a meadow.", "tree", "green", "", "meadow"),
    "tree-02.png": _source("A tree in autumn on the street.", "tree", "autumn", "", "street"),
    "tree-03.png": _source("A bare tree in a dry desert.", "tree", "bare", "", "desert"),
    "box-01.png": _source("A photo of a closed brown box in a room.", "box", "closed", "brown", "room"),
    "box-02.png": _source("An open blue box on the grass.", "box", "open", "blue", "meadow"),
}


@dataclass(frozen=True)
class PlannedEdit:
    """One text on one picture.

    Attributes:
        image: key of the source picture.
        changes: the fields of the scene that the text changes.
        target_text: the text.
        target_object: what the changed thing is to be ("sitting dog"), for methods that want it apart.
        source_object: what it was.
        preview: whether it is one of the six of the short benchmark.
    """

    image: str
    changes: dict[str, str]
    target_text: str
    target_object: str
    source_object: str
    preview: bool = field(default=False)

    @property
    def category(self) -> str:
        """What kind of edit it is.

        ``setting``: another place; ``appearance``: another colour or season; ``pose``: another shape (sitting, open).
        """
        if "place" in self.changes:
            return "setting"
        return "appearance" if "color" in self.changes or self.image.startswith("tree") else "pose"

    @property
    def source_text(self) -> str:
        return _SOURCES[self.image].text

    @property
    def before(self) -> Scene:
        """The input's scene."""
        return _SOURCES[self.image].scene(self.image)

    @property
    def after(self) -> Scene:
        """The right answer's scene: the input's with the changes and nothing else."""
        return edit(self.before, **self.changes)


def _on(
    image: str, change: str, target_text: str, target_object: str, source_object: str = "", *, preview: bool = False
) -> PlannedEdit:
    name, value = change.split("=")
    kind = _SOURCES[image].fields["kind"]
    return PlannedEdit(image, {name: value}, target_text, target_object, source_object or kind, preview)


PAIRS: tuple[PlannedEdit, ...] = (
    _on("dog-01.png", "state=sitting", "A photo of a sitting brown dog.", "sitting dog", preview=True),
    _on(
        "bird-01.png",
        "state=spread",
        "A photo of a blue bird spreading wings on the beach.",
        "bird spreading wings",
        preview=True,
    ),
    _on(
        "person-01.png",
        "state=raised",
        "A person in a red shirt raising both arms.",
        "person raising both arms",
        preview=True,
    ),
    _on(
        "car-01.png",
        "state=convertible",
        "A photo of a red convertible car on the street.",
        "convertible car",
        preview=True,
    ),
    _on("tree-01.png", "state=autumn", "A photo of a tree in autumn.", "tree in autumn", preview=True),
    _on("box-01.png", "state=open", "A photo of an open box.", "open box", preview=True),
    _on("dog-01.png", "state=lying", "A photo of a brown dog lying down in a meadow.", "dog lying down"),
    _on("dog-01.png", "state=jumping", "A jumping dog.", "jumping dog"),
    _on("dog-02.png", "state=lying", "A photo of a brown dog lying down on the beach.", "dog lying down"),
    _on("dog-02.png", "state=sitting", "A sitting dog.", "sitting dog"),
    _on(
        "dog-02.png",
        "place=snow",
        "A photo of a standing brown dog in the snow.",
        "dog in the snow",
        "dog on the beach",
    ),
    _on("dog-03.png", "state=standing", "A photo of a standing dog.", "standing dog"),
    _on("dog-03.png", "state=jumping", "A jumping black dog in the snow.", "jumping dog"),
    _on("dog-04.png", "state=sitting", "A photo of a white dog sitting on the street.", "sitting dog"),
    _on("cat-01.png", "state=sitting", "A photo of a sitting cat.", "sitting cat"),
    _on("cat-01.png", "state=lying", "An orange cat lying in a room.", "lying cat"),
    _on("cat-01.png", "color=black", "A photo of a standing black cat in a room.", "black cat", "orange cat"),
    _on("cat-02.png", "state=standing", "A black cat standing on a city street.", "standing cat"),
    _on("cat-02.png", "state=jumping", "A photo of a jumping cat.", "jumping cat"),
    _on(
        "cat-02.png",
        "place=room",
        "A sitting black cat in the living room.",
        "cat in the living room",
        "cat on a city street",
    ),
    _on("cat-03.png", "state=lying", "A photo of a cat lying down.", "cat lying down"),
    _on("bird-02.png", "state=spread", "A bird spreading wings.", "bird spreading wings"),
    _on(
        "bird-03.png",
        "state=folded",
        "A photo of a yellow bird with folded wings in a meadow.",
        "bird with folded wings",
    ),
    _on("person-01.png", "state=waving", "A photo of a person in a red shirt waving a hand.", "person waving a hand"),
    _on("person-02.png", "state=outstretched", "A person with outstretched arms.", "person with outstretched arms"),
    _on(
        "person-02.png",
        "place=beach",
        "A photo of a person in a blue shirt with arms down on the beach.",
        "person on the beach",
        "person on the street",
    ),
    _on(
        "person-03.png",
        "state=plain",
        "A photo of a person in a green shirt with arms down in the snow.",
        "person with arms down",
    ),
    _on("car-01.png", "color=yellow", "A photo of a yellow car.", "yellow car", "red car"),
    _on("car-02.png", "state=closed", "A yellow car with a roof on the beach.", "car with a roof", "convertible car"),
    _on("car-03.png", "color=blue", "A closed blue car in the desert.", "blue car", "white car"),
    _on("car-03.png", "place=snow", "A photo of a white car in the snow.", "car in the snow", "car in the desert"),
    _on("tree-01.png", "state=apple", "An apple tree.", "apple tree"),
    _on("tree-01.png", "state=bare", "A photo of a bare tree in a meadow.", "bare tree"),
    _on("tree-02.png", "state=bare", "A tree without leaves.", "tree without leaves"),
    _on("tree-03.png", "state=green", "A photo of a leafy tree in a dry desert.", "leafy tree"),
    _on("box-02.png", "state=closed", "A closed box.", "closed box"),
)
"""Every pair; the six of the preview come first."""
