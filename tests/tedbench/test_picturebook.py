"""The drawn pairs: planned, new to the models, and right."""

from __future__ import annotations

import random
from collections import Counter
from functools import cache

import numpy as np
import pytest

from picturebook.pairs import PAIRS, PlannedEdit
from picturebook.world import PLACES, Scene, caption, edit, render
from tedbench.datasets.picturebook import PicturebookPairs

EACH = pytest.mark.parametrize("pair", PAIRS, ids=[f"{p.image}-{p.target_text}" for p in PAIRS])
PLACE_WORDS = {"meadow": ("meadow", "grass", "field"), "beach": ("beach",), "snow": ("snow",), "street": ("street",)}
PLACE_WORDS |= {"room": ("room",), "desert": ("desert",)}


@cache
def picture(scene: Scene) -> np.ndarray:
    return render(scene)


@cache
def empty(scene: Scene) -> np.ndarray:
    """The scene without its subject."""
    return render(edit(scene, size=1e-4))


def frame(image: np.ndarray) -> np.ndarray:
    """The outermost pixels."""
    return np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])


def is_said_of(text: str, scene: Scene) -> bool:
    """Whether the grammar can say ``text`` of ``scene``."""
    return any(caption(scene, random.Random(i)) == text for i in range(20_000))


def test_36_pairs_on_21_images() -> None:
    dataset = PicturebookPairs(64, split="all")
    assert len(dataset) == len({entry.id for entry in dataset.entries}) == 36
    assert len({entry.source_group for entry in dataset.entries}) == 21
    assert Counter(entry.category for entry in dataset.entries) == {"pose": 24, "appearance": 8, "setting": 4}
    assert dataset.synthetic


def test_preview_is_six_pairs_of_different_images_and_the_first_of_all() -> None:
    preview = PicturebookPairs(64).entries
    assert preview == PicturebookPairs(64, split="all").entries[:6]
    assert len({entry.image_name for entry in preview}) == 6
    assert len({pair.before.kind for pair in PAIRS[:6]}) == 6


def test_about_half_of_the_texts_name_colour_or_place() -> None:
    words = [*sum(PLACE_WORDS.values(), ()), "brown", "black", "white", "orange", "red", "blue", "yellow", "green"]
    named = sum(any(word in pair.target_text.rstrip(".").split() for word in words) for pair in PAIRS)
    assert 15 <= named <= 23


def test_no_scene_is_a_training_scene() -> None:
    data = pytest.importorskip("picturebook.train.data")
    training = set(data.training_scenes(24_000))
    clutter = {scene.clutter for scene in training}
    for pair in PAIRS:
        assert pair.before not in training
        assert pair.after not in training
        assert pair.before.clutter not in clutter


@EACH
def test_texts_are_true_and_within_the_grammar(pair: PlannedEdit) -> None:
    assert is_said_of(pair.target_text, pair.after)
    assert is_said_of(pair.source_text, pair.before)
    assert pair.target_text != pair.source_text


@EACH
def test_target_text_is_not_true_of_the_input(pair: PlannedEdit) -> None:
    assert not is_said_of(pair.target_text, pair.before)


@EACH
def test_object_phrases_are_made_of_the_texts_words(pair: PlannedEdit) -> None:
    words = pair.target_text.lower().rstrip(".").split()
    assert set(pair.target_object.split()) <= set(words)
    assert pair.before.kind in pair.source_object
    assert pair.source_object != pair.target_object


@EACH
def test_subject_is_inside_the_frame(pair: PlannedEdit) -> None:
    for scene in (pair.before, pair.after):
        assert np.array_equal(frame(picture(scene)), frame(empty(scene)))


@EACH
def test_truth_differs_from_the_input_only_where_it_should(pair: PlannedEdit) -> None:
    before, after = picture(pair.before), picture(pair.after)
    changed = (before != after).any(axis=2)
    if pair.category == "setting":
        assert changed.mean() > 0.5
        assert frame(changed[..., None]).mean() > 0.5
        subject = (picture(pair.before) != empty(pair.before)).any(axis=2)
        assert (
            ~changed & subject
        ).sum() > 0.4 * subject.sum()  # the subject stays as it was, its shadow and edges aside
    else:
        assert not frame(changed[..., None]).any()
        assert 0.01 < changed.mean() < 0.4
        elsewhere = (before == empty(pair.before)).all(axis=2) & (after == empty(pair.after)).all(axis=2)
        assert elsewhere.mean() > 0.4
        assert not changed[elsewhere].any()


def test_setting_texts_name_the_new_place() -> None:
    for pair in PAIRS:
        if pair.category == "setting":
            assert pair.after.place in PLACES
            assert any(word in pair.target_text for word in PLACE_WORDS[pair.after.place])


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
