"""What a Picturebook picture shows: a :class:`Scene`, and the kinds, states, colours and places there are."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

PLACES: tuple[str, ...] = ("meadow", "beach", "snow", "street", "room", "desert")


@dataclass(frozen=True)
class Kind:
    """What subjects of one kind may look like.

    Attributes:
        states: its states, first the plain one.
        colors: its colours; a kind without a colour of its own (a tree) has the one entry ``""``.
        size: range of the subject's height, as a part of the picture's.
    """

    states: tuple[str, ...]
    colors: tuple[str, ...]
    size: tuple[float, float]


KINDS: dict[str, Kind] = {
    "dog": Kind(("standing", "sitting", "lying", "jumping"), ("brown", "black", "white", "gray"), (0.48, 0.62)),
    "cat": Kind(("standing", "sitting", "lying", "jumping"), ("orange", "black", "white", "gray"), (0.46, 0.60)),
    "bird": Kind(("folded", "spread"), ("red", "blue", "yellow", "pink"), (0.40, 0.54)),
    "person": Kind(("plain", "waving", "raised", "outstretched"), ("red", "blue", "green", "yellow"), (0.62, 0.74)),
    "car": Kind(("closed", "convertible"), ("red", "blue", "yellow", "white"), (0.36, 0.46)),
    "tree": Kind(("green", "autumn", "bare", "apple"), ("",), (0.62, 0.76)),
    "box": Kind(("closed", "open"), ("brown", "red", "blue", "green"), (0.36, 0.46)),
}


@dataclass(frozen=True)
class Scene:
    """Everything that is in one picture; drawing it twice gives the same pixels.

    Attributes:
        kind, state, color: the subject, keys of :data:`KINDS` and its entries.
        place: one of :data:`PLACES`.
        x: the subject's middle, 0 (left) to 1 (right).
        ground: where it stands, 0 (top) to 1 (bottom).
        size: its height, as a part of the picture's.
        facing: 1 looks to the right, -1 to the left.
        horizon: where the ground begins, 0 to 1.
        clutter: seed of everything else: sky, light, stones, plants, houses, small shifts of colour.
    """

    kind: str
    state: str
    color: str
    place: str
    x: float
    ground: float
    size: float
    facing: int
    horizon: float
    clutter: int

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind {self.kind!r} is not one of {', '.join(KINDS)}")
        kind = KINDS[self.kind]
        for name, value, known in (
            ("state", self.state, kind.states),
            ("color", self.color, kind.colors),
            ("place", self.place, PLACES),
        ):
            if value not in known:
                raise ValueError(f"{name} {value!r} of a {self.kind} is not one of {', '.join(known)}")


def draw_scene(rng: random.Random, **fixed: Any) -> Scene:
    """A random scene; keyword arguments fix fields (``draw_scene(rng, kind="dog", place="beach")``)."""
    name = fixed.get("kind") or rng.choice(list(KINDS))
    kind = KINDS[name]
    drawn = Scene(
        kind=name,
        state=rng.choice(kind.states),
        color=rng.choice(kind.colors),
        place=rng.choice(PLACES),
        x=rng.uniform(0.40, 0.60),
        ground=rng.uniform(0.80, 0.90),
        size=rng.uniform(*kind.size),
        facing=rng.choice((-1, 1)),
        horizon=rng.uniform(0.48, 0.62),
        clutter=rng.randrange(2**31),
    )
    return replace(drawn, **fixed)


def edit(scene: Scene, **changes: Any) -> Scene:
    """The same scene with the asked change and nothing else: its picture is the edit's right answer.

    >>> before = draw_scene(random.Random(0), kind="dog", state="standing")
    >>> edit(before, state="sitting").state
    'sitting'
    """
    return replace(scene, **changes)
