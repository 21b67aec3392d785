"""Captions in the style of TEdBench's texts: everything named is drawn, and optional parts are sometimes left out."""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import product

from picturebook.world.kinds import KINDS
from picturebook.world.scene import Scene

_PLACES: dict[str, tuple[str, ...]] = {
    "meadow": ("in a meadow", "on the grass", "in a green field"),
    "beach": ("on the beach", "on a sandy beach", "by the sea"),
    "snow": ("in the snow", "on a snowy field", "in winter"),
    "street": ("on the street", "on a city street", "in the city"),
    "room": ("in a room", "indoors", "in the living room"),
    "desert": ("in the desert", "in a desert with sand", "in a dry desert"),
}
_TIMES: dict[str, tuple[str, ...]] = {
    "sunset": ("at sunset", "in the evening"),
    "night": ("at night", "under a night sky"),
}
_WEATHERS: dict[str, tuple[str, ...]] = {
    "rain": ("in the rain", "on a rainy day"),
    "snowfall": ("in falling snow", "while snow falls"),
    "fog": ("in the fog", "on a foggy day"),
}
_ACCESSORIES: dict[str, tuple[str, ...]] = {
    "hat": ("with a hat", "wearing a hat"),
    "scarf": ("with a scarf", "wearing a scarf"),
    "ball": ("with a ball", "next to a ball"),
    "frisbee": ("with a frisbee", "catching a frisbee"),
}
_RELATIONS: dict[str, tuple[str, ...]] = {
    "beside": ("beside a {o}", "next to a {o}"),
    "on": ("on a {o}", "on top of a {o}"),
    "over": ("over a {o}",),
}
_NUMBERS = {2: "two", 3: "three"}


def _subject(scene: Scene, color: str, phrase: str) -> str:
    """Return the noun phrase with its number: ``phrase`` with the noun for ``{n}`` and ``color`` for ``{c}``."""
    if scene.relation == "over":  # always named together with the thing jumped over
        phrase = "{c}{n} jumping"
    if scene.kind == "person":
        phrase = phrase.replace("{c}", f" in a {color} shirt" if color else "")
    phrase = phrase.replace("{c}", f"{color} " if color else "").replace(
        "{n}", KINDS[scene.kind].nouns[scene.count > 1]
    )
    return f"{_NUMBERS[scene.count]} {phrase}" if scene.count > 1 else f"{_article(phrase)} {phrase}"


def _plain(kind: str) -> str:
    return "{n}{c}" if kind == "person" else "{c}{n}"


def _article(phrase: str) -> str:
    return "an" if phrase[0] in "aeiou" and not phrase.startswith("uni") else "a"


def _slots(scene: Scene, place: float = 0.6, extra: float = 0.75) -> list[tuple[tuple[str, ...], float]]:
    """Return the optional parts after the subject, in the order of the text: phrases and probability of each."""
    relations = tuple(phrase.replace("{o}", scene.other) for phrase in _RELATIONS.get(scene.relation, ()))
    return [
        (_ACCESSORIES.get(scene.accessory, ()), extra),
        (relations, 1.0 if scene.relation == "over" else extra),
        (_PLACES[scene.place], place),
        (_TIMES.get(scene.time, ()), extra),
        (_WEATHERS.get(scene.weather, ()), extra),
    ]


def _sentence(parts: Iterable[str], photo: bool) -> str:
    text = " ".join(filter(None, parts))
    if photo:
        text = f"a photo of {text}"
    return text[0].upper() + text[1:] + "."


def caption(
    scene: Scene, rng: random.Random, color: float = 0.6, state: float = 0.85, place: float = 0.6, extra: float = 0.75
) -> str:
    """Return a text that is true of ``scene``.

    Args:
        scene: the scene to describe.
        rng: chooses among synonyms and optional parts.
        color, state, place: probability of naming each, 0 to 1; several subjects are always named as several.
        extra: probability of naming an accessory, another thing, the time of day and the weather, each if there is one.

    Returns:
        One sentence like TEdBench's: "A photo of a sitting dog."
    """
    named = scene.color if rng.random() < color else ""
    phrase = rng.choice(KINDS[scene.kind].states[scene.state]) if rng.random() < state else _plain(scene.kind)
    parts = [_subject(scene, named, phrase)]
    for phrases, chance in _slots(scene, place, extra):
        chosen, said = rng.choice(phrases or ("",)), rng.random() < chance
        parts.append(chosen if said else "")
    return _sentence(parts, photo=rng.random() < 0.5)


def described(scene: Scene, rng: random.Random | None, *, color: bool, state: bool) -> str:
    """Return the subject in words, with its colour and state if these are to be named: ``"a sitting brown dog"``.

    Args:
        scene: the scene.
        rng: chooses among synonyms; None takes the first.
        color, state: what is named.
    """
    phrases = KINDS[scene.kind].states[scene.state] if state else (_plain(scene.kind),)
    return _subject(scene, scene.color if color else "", phrases[0] if rng is None else rng.choice(phrases))


def says(text: str, scene: Scene) -> bool:
    """True if ``text`` is one that :func:`caption` can return for ``scene``."""
    phrases = (*KINDS[scene.kind].states[scene.state], _plain(scene.kind))
    subjects = {_subject(scene, color, phrase) for color in (scene.color, "") for phrase in phrases}
    others = [said if said and chance == 1.0 else (*said, "") for said, chance in _slots(scene)]
    every = product(subjects, *others)
    return any(text in (_sentence(parts, photo=True), _sentence(parts, photo=False)) for parts in every)
