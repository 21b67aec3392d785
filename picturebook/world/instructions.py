"""Instructions: commands that turn one scene into another ("Make the dog sit."), and scenes that differ by one of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from picturebook.world.grammar import described
from picturebook.world.kinds import KINDS
from picturebook.world.scene import INDOORS, PLACES, TIMES, WEATHERS, Scene

_POSES: dict[str, tuple[str, ...]] = {
    "standing": ("make {s} stand", "make {s} stand up"),
    "sitting": ("make {s} sit", "make {s} sit down"),
    "lying": ("make {s} lie down", "make {s} lie"),
    "jumping": ("make {s} jump",),
    "grazing": ("make {s} graze", "make {s} eat from the ground", "make {s} lower {its} head"),
    "rearing": ("make {s} rear up", "make {s} rear", "make {s} stand on two legs"),
    "folded": ("make {s} fold {its} wings", "fold the wings of {s}"),
    "spread": ("make {s} spread {its} wings", "open the wings of {s}"),
    "plain": ("make {s} lower their arms", "make {s} put their arms down"),
    "waving": ("make {s} wave", "make {s} wave a hand"),
    "raised": ("make {s} raise both arms", "make {s} cheer"),
    "outstretched": ("make {s} stretch out both arms", "make {s} hold out both arms"),
    "crossed": ("make {s} cross their arms", "make {s} cross both arms"),
    "green": ("make {s} green", "give {s} green leaves"),
    "autumn": ("give {s} orange leaves", "turn the leaves of {s} orange"),
    "bare": ("remove the leaves of {s}", "make {s} bare"),
    "apple": ("put apples on {s}", "turn {s} into {a_kind}"),
    "blossom": ("make {s} blossom", "put pink flowers on {s}"),
    "roses": ("put red roses in {s}", "fill {s} with roses"),
    "sunflowers": ("put yellow sunflowers in {s}", "fill {s} with sunflowers"),
    "empty": ("remove the flowers from {s}", "empty {s}"),
    "convertible": ("remove the roof of {s}", "open the roof of {s}", "turn {s} into {a_kind}"),
    "upright": ("set {s} upright", "stand {s} up"),
    "fallen": ("knock {s} over", "make {s} fall over"),
    "chocolate": ("turn {s} into {a_kind}", "make it {a_kind}"),
    "strawberry": ("turn {s} into {a_kind}", "make it {a_kind}"),
    "birthday": ("turn {s} into {a_kind}", "put candles on {s}"),
}
_OTHER_FLOWERS: dict[str, tuple[str, ...]] = {
    "roses": ("replace the flowers in {s} with red roses",),
    "sunflowers": ("replace the flowers in {s} with yellow sunflowers",),
}
_OPENED: dict[str, tuple[str, ...]] = {"open": ("open {s}",), "closed": ("close {s}",)}
_ROOF = ("close the roof of {s}", "give {s} a roof")
_KINDS_OF: dict[str, str] = {
    "apple": "an apple tree",
    "convertible": "a convertible",
    "chocolate": "a chocolate cake",
    "strawberry": "a strawberry cake",
    "birthday": "a birthday cake",
}
_PLACES: dict[str, tuple[str, ...]] = {
    "meadow": ("in a meadow", "on the grass"),
    "beach": ("on the beach", "on a sandy beach"),
    "snow": ("in the snow", "on a snowy field"),
    "street": ("on the street", "in the city"),
    "room": ("in a room", "in the living room"),
    "desert": ("in the desert", "in a dry desert"),
}
_TIMES: dict[str, tuple[str, ...]] = {
    "day": ("make it day", "turn the scene into day"),
    "sunset": ("make it sunset", "turn the scene into sunset", "make it evening"),
    "night": ("make it night", "turn the scene into night"),
}
_WEATHERS: dict[str, tuple[str, ...]] = {
    "rain": ("make it rain", "add rain"),
    "snowfall": ("make it snow", "add falling snow"),
    "fog": ("make it foggy", "add fog"),
}
_CLEARED: dict[str, tuple[str, ...]] = {
    "rain": ("stop the rain", "remove the rain"),
    "snowfall": ("stop the snow from falling", "remove the falling snow"),
    "fog": ("remove the fog", "clear the fog"),
}
_GIVEN: dict[str, tuple[str, ...]] = {
    "hat": ("put a hat on {s}", "give {s} a hat"),
    "scarf": ("put a scarf on {s}", "give {s} a scarf"),
    "ball": ("put a ball next to {s}", "give {s} a ball"),
    "frisbee": ("make {s} catch a frisbee", "give {s} a frisbee"),
}
_PUT: dict[str, tuple[str, ...]] = {
    "beside": ("put a {o} beside {s}", "put a {o} next to {s}", "add a {o} beside {s}"),
    "on": ("put {s} on a {o}", "put a {o} under {s}"),
    "over": ("make {s} jump over a {o}",),
}
_MOVED: dict[str, tuple[str, ...]] = {
    "beside": ("put {s} beside the {o}", "move {s} next to the {o}"),
    "on": ("put {s} on the {o}", "put {s} on top of the {o}"),
    "over": ("make {s} jump over the {o}",),
}
_NUMBERS = {1: "one", 2: "two", 3: "three"}


def instruction(before: Scene, after: Scene, rng: random.Random | None = None) -> str:
    """Return a command that turns one scene into another; equal scenes have none.

    Args:
        before, after: scenes that differ in what one command can name (:func:`random_edit`).
        rng: chooses among synonyms; None takes the first.

    Raises:
        ValueError: no command can name the difference.
    """
    changed = {name for name in vars(before) if getattr(before, name) != getattr(after, name)} - {"x", "size"}
    plural = before.count > 1
    words = {
        "s": f"the {KINDS[before.kind].nouns[plural]}",
        "its": "their" if plural else "its",
        "o": after.other,
        "a_kind": _KINDS_OF.get(after.state, ""),
    }
    said = _phrases(before, after, changed, rng)
    phrase = (said[0] if rng is None else rng.choice(said)).format(**words)
    return phrase[0].upper() + phrase[1:] + "."


def _phrases(before: Scene, after: Scene, changed: set[str], rng: random.Random | None) -> Sequence[str]:
    if "kind" in changed and changed <= {"kind", "state", "color"}:
        new = described(after, rng, color="color" in changed, state="state" in changed)
        return f"turn {{s}} into {new}", f"replace {{s}} with {new}"
    if changed in ({"state", "relation"}, {"state", "relation", "other"}):
        changed = changed - {"state"} if after.relation == "over" else changed
    if changed == {"relation", "other"} and "" in (before.other, after.other):
        return _things(before, after)
    if not changed:
        raise ValueError("no command: the scenes are equal")
    if len(changed) != 1:
        raise ValueError(f"no command changes {', '.join(sorted(changed))}")
    return _NAMED[changed.pop()](before, after)


def _things(before: Scene, after: Scene) -> Sequence[str]:
    return _PUT[after.relation] if after.other else (f"remove the {before.other}", f"take away the {before.other}")


def _places(_: Scene, after: Scene) -> Sequence[str]:
    return [f"put {{s}} {phrase}" for phrase in _PLACES[after.place]]


def _colors(before: Scene, after: Scene) -> Sequence[str]:
    what = ("the shirts" if before.count > 1 else "the shirt") if before.kind == "person" else "{s}"
    return f"make {what} {after.color}", f"change the color of {what} to {after.color}"


def _weathers(before: Scene, after: Scene) -> Sequence[str]:
    return _WEATHERS[after.weather] if after.weather in _WEATHERS else _CLEARED[before.weather]


def _accessories(before: Scene, after: Scene) -> Sequence[str]:
    old, new = before.accessory, after.accessory
    if not new:
        return f"remove the {old}", f"take away the {old}"
    return [f"replace the {old} with a {new}"] if old else _GIVEN[new]


def _poses(before: Scene, after: Scene) -> Sequence[str]:
    if before.kind == "vase" and "empty" not in (before.state, after.state):
        return _OTHER_FLOWERS[after.state]
    if after.state in ("open", "closed"):
        return _ROOF if before.kind == "car" else _OPENED[after.state]
    return [phrase for phrase in _POSES[after.state] if before.count == 1 or "{a_kind}" not in phrase]


def _counts(before: Scene, after: Scene) -> Sequence[str]:
    one, several = KINDS[before.kind].nouns
    if after.count == 1:
        return f"leave only one {one}", f"make it one {one}"
    made = f"make it {_NUMBERS[after.count]} {several}"
    if after.count == before.count + 1:
        return f"add another {one}", made
    return made, f"turn {{s}} into {_NUMBERS[after.count]} {several}"


_NAMED: dict[str, Callable[[Scene, Scene], Sequence[str]]] = {
    "state": _poses,
    "color": _colors,
    "place": _places,
    "time": lambda _, after: _TIMES[after.time],
    "weather": _weathers,
    "accessory": _accessories,
    "count": _counts,
    "relation": lambda _, after: _MOVED[after.relation],
    "other": lambda before, after: [f"replace the {before.other} with a {after.other}"],
}
"""The commands for a field that changes alone."""


def random_edit(scene: Scene, rng: random.Random) -> Scene:
    """Return a scene that one command makes of another: it fits the image as well, and everything else is the same."""
    left, right = min(0.0, scene.span[0]), max(1.0, scene.span[1])
    while True:
        found = rng.choices(list(_EDITS), list(_EDITS.values()))[0](scene, rng)
        if found is not None and found != scene and left <= found.span[0] and found.span[1] <= right:
            return found


def _changed(scene: Scene, **changes: Any) -> Scene | None:
    """Return the scene with changes, or None if they are incompatible."""
    try:
        return replace(scene, **changes)
    except ValueError:
        return None


def _other_state(scene: Scene, rng: random.Random) -> Scene | None:
    return _changed(scene, state=rng.choice(tuple(KINDS[scene.kind].states)))


def _other_color(scene: Scene, rng: random.Random) -> Scene | None:
    return _changed(scene, color=rng.choice(KINDS[scene.kind].colors))


def _other_place(scene: Scene, rng: random.Random) -> Scene | None:
    return _changed(scene, place=rng.choice(PLACES))


def _other_light(scene: Scene, rng: random.Random) -> Scene | None:
    if scene.place in INDOORS:
        return None
    return _changed(scene, **rng.choice(({"time": rng.choice(TIMES)}, {"weather": rng.choice(WEATHERS)})))


def _other_accessory(scene: Scene, rng: random.Random) -> Scene | None:
    return _changed(scene, accessory=rng.choice(("", *KINDS[scene.kind].accessories * 2)))


def _other_count(scene: Scene, rng: random.Random) -> Scene | None:
    return _changed(scene, count=rng.choice(KINDS[scene.kind].counts))


def _other_thing(scene: Scene, rng: random.Random) -> Scene | None:
    """Add, remove or exchange a thing, or move the subject to it; a thing that stays keeps its place."""
    relations = KINDS[scene.kind].relations
    other = rng.choice(("", *relations, *relations, *[scene.other] * 3))
    if not other:
        return _changed(scene, other="", relation="") if scene.other and scene.relation != "over" else None
    relation = rng.choice(relations[other])
    if (other, relation) == (scene.other, scene.relation) or scene.relation == "over":
        return None
    if scene.other and other != scene.other and relation != scene.relation:
        return None
    changes: dict[str, Any] = {"other": other, "relation": relation}
    if relation == "over" and scene.relation != "over":
        changes["state"] = "jumping"
    found = _changed(scene, **changes)
    if found is not None and other == scene.other:
        found = _changed(found, x=found.x + scene.other_x - found.other_x)
    return found


def _other_kind(scene: Scene, rng: random.Random) -> Scene | None:
    """Exchange the subject for one of another kind, which keeps its state and colour where it can have them."""
    if scene.other or scene.count > 1 or scene.accessory:
        return None
    name = rng.choice([name for name in KINDS if name != scene.kind])
    kind = KINDS[name]
    state = scene.state if scene.state in kind.states and rng.random() < 0.5 else rng.choice(tuple(kind.states))
    color = scene.color if scene.color in kind.colors and rng.random() < 0.5 else rng.choice(kind.colors)
    low, high = kind.size
    return _changed(scene, kind=name, state=state, color=color, size=min(max(scene.size, low), high))


_EDITS: dict[Callable[[Scene, random.Random], Scene | None], float] = {
    _other_state: 4.0,
    _other_accessory: 1.5,
    _other_color: 1.0,
    _other_place: 1.0,
    _other_light: 1.0,
    _other_count: 0.8,
    _other_thing: 1.5,
    _other_kind: 1.2,
}
"""Kinds of edits and how often each is tried; of the tries about a third change the state, as do 36 of the 100 pairs."""
