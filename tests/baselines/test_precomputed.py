from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from baselines.precomputed import Precomputed, file_name
from tedbench.errors import PairError, UserError
from tedbench.manifest import Manifest
from tedbench.pair import EditPair, Entry

ENTRIES = [Entry("dog.jpeg", "A photo of a dog. Taken in autumn."), Entry("sub/cat.png", "A cat", category="pose")]
PUBLISHED = ["dog.jpeg-A_photo_of_a_dog._Taken_in_autumn.png", "sub/cat.png-A_cat.png"]
SHARED = Path(__file__).parents[3] / "shared" / "tedbench" / "imagic"


def picture(path, color="red", size=(16, 16)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path)


def pair(entry, size=16):
    return EditPair(entry, np.zeros((size, size, 3), np.uint8))


def sampled(editor, entry, requests=((1.0, 0),), size=16):
    """What was yielded, why no more was, and the facts."""
    samples, problem = [], None
    with editor.fit(pair(entry, size)) as edit:
        try:
            for sample in edit.sample(list(requests)):
                samples.append(sample)
        except PairError as error:
            problem = str(error)
    return samples, problem, edit.facts()


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("{image_name}-{text}.png", PUBLISHED),
        ("{image_stem}_{text}.jpg", ["dog_A_photo_of_a_dog._Taken_in_autumn.jpg", "sub/cat_A_cat.jpg"]),
        ("{target_text}/{pair_id}.png", [f"{e.target_text}/{e.id}.png" for e in ENTRIES]),
    ],
)
def test_a_pattern_finds_each_pairs_file(tmp_path, pattern, names, describe):
    for name, color in zip(names, ("red", "blue"), strict=True):
        picture(tmp_path / name, color)
    editor = Precomputed(tmp_path, pattern)
    assert [file_name(pattern, entry) for entry in ENTRIES] == names
    found = [sampled(editor, entry)[0][0].image[0, 0].tolist() for entry in ENTRIES]
    assert np.allclose(found, [[255, 0, 0], [0, 0, 255]], atol=2)
    assert editor.axis.fixed and describe(editor).requests(None, [0, 1, 2]) == [(1.0, 0)]


def test_what_is_missing_is_counted_named_and_fails_its_pair_alone(tmp_path):
    picture(tmp_path / PUBLISHED[0])
    picture(tmp_path / "another.png")
    editor = Precomputed(tmp_path)
    with pytest.warns(UserWarning, match=r"1 of 2 pairs have no edited image.*A_cat\.png.*1 other .* another\.png"):
        editor.files.check(ENTRIES)
    assert sampled(editor, ENTRIES[0])[1] is None
    assert sampled(editor, ENTRIES[1]) == ([], "missing: cat.png-A_cat.png", {})


def test_a_folder_with_none_of_the_images_is_refused(tmp_path):
    picture(tmp_path / "dog_A_dog.png")
    with pytest.raises(UserError, match=r"Of 2 pairs none.*such as dog_A_dog\.png.*method\.pattern"):
        Precomputed(tmp_path).files.check(ENTRIES)


def test_another_size_goes_through_the_pairs_geometry_and_is_recorded(tmp_path):
    wide = np.zeros((40, 80, 3), np.uint8)
    wide[:, 20:60] = 255  # the centre square
    Image.fromarray(wide).save(tmp_path / PUBLISHED[0])
    samples, _, facts = sampled(Precomputed(tmp_path), ENTRIES[0])
    assert samples[0].image.shape == (16, 16, 3) and (samples[0].image == 255).all()
    assert facts == {"resized_from": {PUBLISHED[0]: "80×40"}}
    picture(tmp_path / PUBLISHED[0])
    assert sampled(Precomputed(tmp_path), ENTRIES[0])[2] == {}


def test_an_unreadable_image_fails_its_pair_alone(tmp_path):
    picture(tmp_path / PUBLISHED[1])
    (tmp_path / PUBLISHED[0]).write_text("no picture")
    editor = Precomputed(tmp_path)
    assert "cannot be read as an image" in sampled(editor, ENTRIES[0])[1]
    assert sampled(editor, ENTRIES[1])[1] is None


def listed(folder, rows, header="image,target_text,file,strength,seed"):
    (folder / "made.csv").write_text(f"{header}\n{rows}", encoding="utf-8")
    return folder / "made.csv"


def test_a_list_may_have_strengths_and_seeds(tmp_path, describe):
    for i, color in enumerate(("red", "lime", "blue")):
        picture(tmp_path / "made" / f"{i}.png", color)
    text = ENTRIES[0].target_text
    rows = f"dog.jpeg,{text},made/0.png,0.5,1\ndog.jpeg,{text},made/1.png,0.8,1\ndog.jpeg,{text},made/9.png,0.5,2\n"
    editor = Precomputed(file=listed(tmp_path, rows))
    assert editor.axis.grid == (0.5, 0.8) and editor.axis.name == "strength"
    requests = describe(editor).requests(None, [1, 2])
    samples, problem, _ = sampled(editor, ENTRIES[0], requests)
    assert [(s.strength, s.seed, s.image[0, 0].tolist()) for s in samples] == [
        (0.5, 1, [255, 0, 0]),
        (0.8, 1, [0, 255, 0]),
    ]
    assert problem == "missing: 9.png (and 1 more)"
    with pytest.raises(UserError, match=r"sweep\.seeds 0.*sweep\.seeds=\[1,2\]"):
        describe(editor).requests(None, [0])
    with pytest.raises(UserError, match=r"sweep\.strengths 1.*sweep\.strengths=\[0\.5,0\.8\]"):
        describe(editor).requests([1.0], [1])


def test_a_list_without_strengths_is_one_image_a_pair(tmp_path, describe):
    picture(tmp_path / "x.png")
    editor = Precomputed(file=listed(tmp_path, "sub/cat.png,A cat,x.png\n", "image,target_text,file"))
    assert editor.axis.fixed and describe(editor).requests(None, [0, 1]) == [(1.0, 0)]
    assert len(sampled(editor, ENTRIES[1])[0]) == 1
    with pytest.warns(UserWarning, match=r"there is no dog\.jpeg.* in the list"):
        editor.files.check(ENTRIES)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "none is given"),
        ({"folder": ".", "file": "x.csv"}, "both is given"),
        ({"folder": "nowhere"}, "is no folder"),
        ({"folder": ".", "pattern": "{image}.png"}, "Its fields are {image_name}"),
        ({"folder": ".", "pattern": "{image_name.png"}, "Its fields are {image_name}"),
        ({"folder": ".", "pattern": "a.png"}, "no field"),
        ({"file": "none.csv"}, r"method\.file=none\.csv does not exist"),
    ],
)
def test_wrong_settings_are_one_clear_line(settings, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=words):
        Precomputed(**settings)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("", "has no rows"),
        ("a.png,A cat,x.png,much,0\n", "line 2: strength is 'much'"),
        ("a.png,A cat,x.png,1,0.5\n", "line 2: seed is '0.5'. It must be a whole number"),
        ("a.png,A cat,x.png,,\na.png,A cat,y.png,,\n", "line 3: this pair has strength 1, seed 0 already"),
        ("a.png,A cat,x.png,1,\na.png,A dog,y.png,,\n", "with and rows without a strength"),
        ("a.png,A cat,,1,\n", "file is empty"),
    ],
)
def test_what_is_wrong_with_a_list_is_said(tmp_path, rows, words):
    with pytest.raises(UserError, match=words):
        Precomputed(file=listed(tmp_path, rows))


def test_the_published_outputs_are_found_by_their_rule():
    if not SHARED.is_dir():
        pytest.skip(f"TEdBench's published outputs are not at {SHARED}")
    entries = [Entry(*key) for key in Manifest.load().pairs]
    editor = Precomputed(SHARED)
    there = [entry for entry in entries if all(path.is_file() for path in editor.files.of(entry).values())]
    assert len(there) == len(editor.files.images) > 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        editor.files.check(there)
