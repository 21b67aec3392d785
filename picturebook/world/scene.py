"""The contents of a Picturebook image: a :class:`Scene`, its random choice and its edits."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

from picturebook.world.kinds import KINDS

PLACES: tuple[str, ...] = ("meadow", "beach", "snow", "street", "room", "desert")
INDOORS: frozenset[str] = frozenset({"room"})
TIMES: tuple[str, ...] = ("day", "sunset", "night")
WEATHERS: tuple[str, ...] = ("clear", "rain", "snowfall", "fog")

OTHER_SIZE: dict[str, float] = {"box": 0.28, "chair": 0.44, "tree": 0.62}
"""Height, as a fraction of the image's, of the things that a subject can be beside, on or over."""
_SHRINK = {2: 0.78, 3: 0.66}
_RELATED = 0.74  # factor of a subject's size if there is another thing
_MARGIN = 0.015


@dataclass(frozen=True)
class Scene:
    """Everything in one image; rendering it twice gives the same pixels.

    Attributes:
        kind, state, color: the subject, a key of :data:`KINDS`, and one of the values listed there.
        place: one of :data:`PLACES`.
        x: the subject's middle, 0 (left) to 1 (right); of several, the hindmost one's.
        ground: vertical position of its feet, 0 (top) to 1 (bottom).
        size: its height, as a fraction of the image's.
        facing: 1 looks to the right, -1 to the left.
        horizon: vertical position of the ground's upper edge, 0 to 1.
        clutter: seed of everything else: sky, light, stones, plants, houses, texture, small shifts of colour.
        accessory: name of its accessory, or "".
        count: number of subjects, in a row in the direction they face.
        other, relation: another thing, and the subject's relation to it ("beside", "on", "over"); or both "".
        time: one of :data:`TIMES`.
        weather: one of :data:`WEATHERS`; always clear indoors.

    Raises:
        ValueError: two of these are incompatible, or one is unknown.
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
    accessory: str = ""
    count: int = 1
    other: str = ""
    relation: str = ""
    time: str = "day"
    weather: str = "clear"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind {self.kind!r} is not one of {', '.join(KINDS)}")
        kind, indoors = KINDS[self.kind], self.place in INDOORS
        for name, known in (
            ("state", tuple(kind.states)),
            ("color", kind.colors),
            ("place", PLACES),
            ("accessory", ("", *kind.accessories)),
            ("count", kind.counts),
            ("other", ("", *kind.relations)),
            ("relation", kind.relations.get(self.other, ("",))),
            ("time", TIMES[:1] if indoors else TIMES),
            ("weather", WEATHERS[:1] if indoors else WEATHERS),
        ):
            if getattr(self, name) not in known:
                said = f"{name} {getattr(self, name)!r} of a {self.kind} in the {self.place}"
                raise ValueError(f"{said} is not one of {', '.join(map(str, known))}")
        if (self.relation == "over") and self.state != "jumping":
            raise ValueError(f"a {self.state} {self.kind} is not over anything")
        if self.count > 1 and self.other:
            raise ValueError("a picture has several subjects or another thing, not both")

    @property
    def span(self) -> tuple[float, float]:
        """Left and right end of everything drawn, as fractions of the image; 0 and 1 are its edges."""
        ends = [
            (x - reach, x + reach)
            for x, reach in [
                *((x, KINDS[self.kind].reach * self.size) for x in self.row),
                *([(self.other_x, KINDS[self.other].reach * OTHER_SIZE[self.other])] if self.other else []),
                *(
                    [(self.x + self.facing * KINDS[self.kind].ball * self.size, 0.15 * self.size)]
                    if self.accessory == "ball"
                    else []
                ),
            ]
        ]
        return min(left for left, _ in ends), max(right for _, right in ends)

    @property
    def row(self) -> list[float]:
        """The middles of the subjects."""
        step = self.facing * 1.72 * KINDS[self.kind].reach * self.size
        return [self.x + i * step for i in range(self.count)]

    @property
    def other_x(self) -> float:
        """The middle of the other thing: under the subject, or in front of it."""
        if self.relation != "beside":
            return self.x
        room = KINDS[self.kind].reach * self.size + KINDS[self.other].reach * OTHER_SIZE[self.other]
        return self.x + self.facing * 0.88 * room


def draw_scene(rng: random.Random, **fixed: Any) -> Scene:
    """Draw a random scene; keyword arguments fix fields (``draw_scene(rng, kind="dog", place="beach")``).

    Everything drawn is within the image if it fits.
    """
    name = fixed.get("kind") or rng.choice(list(KINDS))
    kind = KINDS[name]
    drawn: dict[str, Any] = {
        "kind": name,
        "state": rng.choice(tuple(kind.states)),
        "color": rng.choice(kind.colors),
        "place": rng.choice(PLACES),
        "ground": rng.uniform(0.80, 0.92),
        "facing": rng.choice((-1, 1)),
        "horizon": rng.uniform(0.48, 0.62),
        "clutter": rng.randrange(2**31),
        "time": rng.choices(TIMES, (5, 1, 1))[0],
        "weather": rng.choices(WEATHERS, (5, 0.6, 0.6, 0.6))[0],
    }
    size, where, luck = rng.uniform(*kind.size), rng.random(), rng.random()
    accessory, count = rng.choice(kind.accessories or ("",)), rng.choice(kind.counts[1:] or (1,))
    other = rng.choice((*kind.relations, ""))
    relation = rng.choice(kind.relations.get(other, ("",)))
    small = rng.choice((1, 1, 1, *_SHRINK.values()))
    if luck < 0.22:
        drawn["accessory"] = accessory
    elif luck < 0.38:
        drawn["count"] = count
    elif luck < 0.56 and other:
        drawn |= {"other": other, "relation": relation}
    drawn |= fixed
    if drawn["place"] in INDOORS:
        drawn |= {"time": "day", "weather": "clear"}
    if drawn.get("relation") == "over":
        drawn["state"] = "jumping"
    size *= _RELATED if drawn.get("other") else _SHRINK.get(drawn.get("count", 1), small)
    return _place(Scene(**{"x": 0.5, "size": size} | drawn), where, fixed)


def _place(scene: Scene, where: float, fixed: dict[str, Any]) -> Scene:
    """Shrink and shift the scene so that all of it is within the image, as far as ``fixed`` allows."""
    left, right = scene.span
    room = 1 - 2 * _MARGIN
    if right - left > room and "size" not in fixed:
        scene = replace(scene, size=scene.size * room / (right - left))
        left, right = scene.span
    if "x" in fixed:
        return scene
    low, high = scene.x - left + _MARGIN, scene.x + 1 - right - _MARGIN
    low, high = (low, high) if low < high else ((low + high) / 2,) * 2
    middle = min(max(0.5, low), high) if scene.count == 1 and not scene.other else (low + high) / 2
    reach = min(0.22, high - middle, middle - low)
    return replace(scene, x=middle + (2 * where - 1) * max(reach, 0.0))


def edit(scene: Scene, **changes: Any) -> Scene:
    """Return the scene with the requested change and nothing else: its image is the edit's right answer.

    >>> before = draw_scene(random.Random(0), kind="dog", state="standing", other="", relation="")
    >>> edit(before, state="sitting").state
    'sitting'
    """
    return replace(scene, **changes)
