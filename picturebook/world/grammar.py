"""Captions in the style of TEdBench's texts: what is named is drawn, and what is optional is sometimes left out."""

from __future__ import annotations

import random

from picturebook.world.scene import Scene

_PLACES: dict[str, tuple[str, ...]] = {
    "meadow": ("in a meadow", "on the grass", "in a green field"),
    "beach": ("on the beach", "on a sandy beach", "by the sea"),
    "snow": ("in the snow", "on a snowy field", "in winter"),
    "street": ("on the street", "on a city street", "in the city"),
    "room": ("in a room", "indoors", "in the living room"),
    "desert": ("in the desert", "in a desert with sand", "in a dry desert"),
}

# "{c}" is the colour and its following space, or nothing.
_SUBJECTS: dict[tuple[str, str], tuple[str, ...]] = {
    ("bird", "folded"): ("a {c}bird with folded wings", "a {c}bird standing", "a standing {c}bird"),
    ("bird", "spread"): ("a {c}bird spreading wings", "a {c}bird spreading its wings", "a {c}bird with spread wings"),
    ("person", "plain"): ("a person{s} with arms down", "a standing person{s}", "a person{s} standing"),
    ("person", "waving"): ("a person{s} waving", "a waving person{s}", "a person{s} waving a hand"),
    ("person", "raised"): ("a person{s} raising both arms", "a person{s} with raised arms", "a cheering person{s}"),
    ("person", "outstretched"): ("a person{s} with outstretched arms", "a person{s} stretching out both arms"),
    ("car", "closed"): ("a closed {c}car", "a {c}car with a roof"),
    ("car", "convertible"): ("a {c}convertible car", "a {c}convertible", "an open {c}car"),
    ("tree", "green"): ("a green tree", "a leafy tree"),
    ("tree", "autumn"): ("an autumn tree", "a tree in autumn", "a tree with orange leaves"),
    ("tree", "bare"): ("a bare tree", "a tree without leaves", "a dead tree"),
    ("tree", "apple"): ("an apple tree", "a tree with apples", "a tree full of fruit"),
    ("box", "closed"): ("a closed {c}box",),
    ("box", "open"): ("an open {c}box",),
}
_ANIMAL = ("a {state} {c}{kind}", "a {c}{kind} {state}")
_DOWN = {"sitting": " down", "lying": " down"}


def _subject(scene: Scene, rng: random.Random, color: float, state: float) -> str:
    named = scene.color if rng.random() < color else ""
    c = f"{named} " if named else ""
    s = f" in a {named} shirt" if named else ""
    if rng.random() >= state:
        text = f"a person{s}" if scene.kind == "person" else "a {c}" + scene.kind
    elif scene.kind in ("dog", "cat"):
        text = rng.choice(_ANIMAL)
        down = _DOWN.get(scene.state, "") if text.endswith("{state}") and rng.random() < 0.5 else ""
        text = text.replace("{state}", scene.state).replace("{kind}", scene.kind) + down
    else:
        text = rng.choice(_SUBJECTS[scene.kind, scene.state])
    text = text.replace("{c}", c).replace("{s}", s)
    return text.replace("a orange", "an orange").replace("an closed", "a closed")


def caption(scene: Scene, rng: random.Random, color: float = 0.6, state: float = 0.85, place: float = 0.6) -> str:
    """A text that is true of ``scene``.

    Args:
        scene: what is described.
        rng: chooses among synonyms and optional parts.
        color, state, place: how probably each is named, 0 to 1.

    Returns:
        One sentence as in TEdBench: "A photo of a sitting dog."
    """
    text = _subject(scene, rng, color, state)
    if rng.random() < 0.5:
        text = f"a photo of {text}"
    if rng.random() < place:
        text = f"{text} {rng.choice(_PLACES[scene.place])}"
    return text[0].upper() + text[1:] + "."
