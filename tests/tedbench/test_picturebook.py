"""The drawn pairs: planned, new to the models, and right."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import fields
from functools import cache

import numpy as np
import pytest

from picturebook.pairs import CATEGORIES, PlannedEdit, planned_edits
from picturebook.world import KINDS, PLACES, TIMES, WEATHERS, Scene, edit, render
from picturebook.world.grammar import says
from picturebook.world.palette import COLORS
from tedbench.datasets.picturebook import PicturebookPairs

PAIRS = planned_edits("all") + planned_edits("search")
EACH = pytest.mark.parametrize("pair", PAIRS, ids=[f"{p.image}-{p.target_text}" for p in PAIRS])
CHANGED = {
    "pose": [{"state"}],
    "addition": [{"accessory"}, {"other", "relation"}, {"state"}],  # the last: flowers in an empty vase
    "replacement": [
        {"kind"},
        {"kind", "color"},
        {"kind", "state", "color"},
        {"kind", "state", "color", "size"},
        {"state"},
    ],
    "appearance": [{"color"}, {"state"}],  # the last: a tree's season
    "setting": [{"place"}, {"time"}, {"weather"}],
    "count": [{"count"}],
    "relation": [{"other", "relation"}, {"relation", "x"}, {"state", "relation", "x"}],
}
"""The fields that an edit of each category may change."""
PLACE_WORDS = {"meadow", "grass", "field", "beach", "sea", "snow", "winter", "street", "city", "room", "desert"}


@cache
def picture(scene: Scene) -> np.ndarray:
    return render(scene)


@cache
def empty(scene: Scene) -> np.ndarray:
    """The scene without anything but its place, time and weather."""
    return render(edit(scene, x=-3.0))


def frame(image: np.ndarray) -> np.ndarray:
    """The outermost pixels."""
    return np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])


def changed_fields(pair: PlannedEdit) -> set[str]:
    return {f.name for f in fields(Scene) if getattr(pair.before, f.name) != getattr(pair.after, f.name)}


def test_100_pairs_of_seven_categories_in_groups_of_one_to_five() -> None:
    dataset = PicturebookPairs(64, split="all")
    assert dataset.synthetic
    assert len(dataset) == len({entry.id for entry in dataset.entries}) == 100
    groups = Counter(entry.image_name for entry in dataset.entries)
    assert len(groups) == 48
    assert {1, 5} <= set(groups.values()) <= {1, 2, 3, 4, 5}
    assert Counter(entry.category for entry in dataset.entries) == {
        "pose": 36,
        "addition": 14,
        "replacement": 10,
        "appearance": 14,
        "setting": 12,
        "count": 6,
        "relation": 8,
    }


def test_preview_is_seven_of_the_pairs_on_different_images_with_one_that_fails() -> None:
    preview, every = PicturebookPairs(64).entries, PicturebookPairs(64, split="all").entries
    assert [entry for entry in every if entry in preview] == list(preview)
    assert len({entry.image_name for entry in preview}) == 7
    assert sorted({entry.category for entry in preview}) == ["addition", "appearance", "pose", "relation", "setting"]


def test_search_is_sixty_pairs_on_other_images_in_the_benchmarks_proportions() -> None:
    search, every = planned_edits("search"), planned_edits("all")
    assert len(search) == 60
    counts, wanted = (Counter(pair.category for pair in pairs) for pairs in (search, every))
    assert counts.keys() == set(CATEGORIES) and all(abs(counts[name] - 0.6 * wanted[name]) < 1 for name in wanted)
    assert not {pair.image for pair in search} & {pair.image for pair in every}
    assert not {(pair.before, pair.after) for pair in search} & {(pair.before, pair.after) for pair in every}


@pytest.mark.parametrize(("split", "digest"), [("all", "9a433bd8622bc029"), ("search", "68cd11170cbbbb23")])
def test_ids_stay_as_they_were_published(split: str, digest: str) -> None:
    ids = "\n".join(entry.id for entry in PicturebookPairs(64, split=split).entries)
    assert hashlib.sha256(ids.encode()).hexdigest()[:16] == digest


def test_every_state_place_time_and_weather_takes_part() -> None:
    scenes = [scene for pair in planned_edits("all") for scene in (pair.before, pair.after)]
    assert {(s.kind, s.state) for s in scenes} == {
        (name, state) for name, kind in KINDS.items() for state in kind.states
    }
    assert {s.accessory for s in scenes} == {"", *(a for kind in KINDS.values() for a in kind.accessories)}
    assert ({s.place for s in scenes}, {s.time for s in scenes}) == (set(PLACES), set(TIMES))
    assert {s.weather for s in scenes} == set(WEATHERS)


def test_about_half_of_the_texts_name_colour_or_place_that_stay() -> None:
    named = set(COLORS) - {""}
    texts = [set(p.target_text.rstrip(".").split()) - set(p.target_object.split()) for p in planned_edits("all")]
    assert 40 <= sum(bool(words & (PLACE_WORDS | named)) for words in texts) <= 60


def test_no_scene_is_a_training_scene() -> None:
    data = pytest.importorskip("picturebook.train.data")
    training = {scene.clutter for scene in data.training_scenes(40_000)}  # a scene's clutter is its fingerprint
    assert not training & {pair.before.clutter for pair in PAIRS}
    assert all(pair.after.clutter == pair.before.clutter for pair in PAIRS)


@EACH
def test_texts_are_true_and_within_the_grammar(pair: PlannedEdit) -> None:
    assert says(pair.target_text, pair.after)
    assert says(pair.source_text, pair.before)
    assert not says(pair.target_text, pair.before)


@EACH
def test_object_phrases_are_made_of_the_texts_words(pair: PlannedEdit) -> None:
    words = pair.target_text.lower().rstrip(".").split()
    assert set(pair.target_object.split()) <= set(words)
    assert pair.before.kind in pair.source_object
    assert pair.source_object != pair.target_object


@EACH
def test_everything_is_inside_the_frame(pair: PlannedEdit) -> None:
    for scene in (pair.before, pair.after):
        left, right = scene.span
        assert left >= 0
        assert right <= 1
        assert np.array_equal(frame(picture(scene)), frame(empty(scene)))


@EACH
def test_only_what_the_category_says_is_changed(pair: PlannedEdit) -> None:
    assert changed_fields(pair) == set(pair.changes)
    assert set(pair.changes) in CHANGED[pair.category]
    if pair.before.other and pair.after.other:
        assert pair.after.other_x == pytest.approx(pair.before.other_x, abs=1e-9)  # the other thing stays where it is


@EACH
def test_truth_differs_from_the_input_only_where_it_should(pair: PlannedEdit) -> None:
    before, after = picture(pair.before), picture(pair.after)
    changed = (before != after).any(axis=2)
    if pair.category == "setting":
        assert changed.mean() > 0.5
        assert frame(changed[..., None]).mean() > 0.5
        if "place" in pair.changes:  # the subject stays as it was, its shadow and edges aside
            subject = (before != empty(pair.before)).any(axis=2)
            assert (~changed & subject).sum() > 0.4 * subject.sum()
    else:
        assert np.array_equal(empty(pair.before), empty(pair.after))
        elsewhere = (before == empty(pair.before)).all(axis=2) & (after == empty(pair.after)).all(axis=2)
        assert elsewhere.mean() > 0.4
        assert not changed[elsewhere].any()
        assert 0.005 < changed.mean() < 0.4


@EACH
def test_setting_texts_name_the_new_place_time_or_weather(pair: PlannedEdit) -> None:
    if pair.category == "setting":
        [(name, _)] = pair.changes.items()
        others = {"place": PLACES, "time": TIMES, "weather": WEATHERS}[name]
        assert sum(says(pair.target_text, edit(pair.before, **{name: value})) for value in others) == 1


def test_same_pixels_every_time_and_one_input_for_an_image() -> None:
    first, second = PicturebookPairs(64, split="all"), PicturebookPairs(64, split="all")
    inputs: dict[str, np.ndarray] = {}
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a.image, b.image)
        assert np.array_equal(a.truth, b.truth)
        assert np.array_equal(inputs.setdefault(a.entry.image_name, a.image), a.image)


def test_pictures_are_drawn_at_the_asked_size() -> None:
    pair = next(iter(PicturebookPairs(128, limit=1)))
    assert pair.image.shape == pair.truth.shape == (128, 128, 3)
