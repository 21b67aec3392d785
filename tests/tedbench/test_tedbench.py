"""The real benchmark with its quirks, from a local folder."""

from __future__ import annotations

import json
import random
import shutil
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tedbench.datasets.tedbench import TEdBench
from tedbench.errors import UserError
from tedbench.image import read_image
from tedbench.manifest import Manifest


@pytest.fixture(scope="module")
def real(published: Path) -> TEdBench:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the published files differ from the manifest in nothing
        return TEdBench(published, size=64)


def test_manifest_has_the_benchmarks_numbers() -> None:
    manifest = Manifest.load()
    texts = [text for _, text in manifest.pairs]
    assert len(manifest.pairs) == 100
    assert len(set(texts)) == 97
    assert len(manifest.images) == 40
    assert {name for name, _ in manifest.pairs} == set(manifest.images)
    assert sorted(Counter(Counter(n for n, _ in manifest.pairs).values()).items()) == [
        (1, 16),
        (2, 6),
        (3, 7),
        (4, 5),
        (5, 5),
        (6, 1),
    ]


def test_manifest_is_that_of_the_published_files(published: Path) -> None:
    assert Manifest.of(published) == Manifest.load()


def test_manifest_survives_json() -> None:
    manifest = Manifest.load()
    assert Manifest.from_json(json.loads(json.dumps(manifest.to_json()))) == manifest


def test_all_100_pairs_load(real: TEdBench) -> None:
    pairs = list(real)
    assert len(pairs) == len(real) == 100
    assert len({pair.id for pair in pairs}) == 100
    assert len({pair.target_text for pair in pairs}) == 97
    assert len({pair.entry.image_name for pair in pairs}) == 40
    assert len({pair.image.tobytes() for pair in pairs}) == 39  # two of the files are one picture
    for pair in pairs:
        assert pair.image.shape == (64, 64, 3)
        assert pair.image.dtype == np.uint8
        assert pair.image.std() > 5
        assert pair.truth is None


def test_pairs_keep_the_published_order_and_typos(real: TEdBench) -> None:
    texts = [entry.target_text for entry in real.entries]
    assert texts[0] == "A photo of a sitting dog."
    assert texts[-1] == "Two kissing parrots."
    assert "A person in a greetting pose to Namaste hands." in texts
    assert "A door with a pet enterance." in texts
    assert "A convertable car." in texts
    assert "A photo of a tree. Taken in autumn." in texts


def test_rgba_originals_become_rgb(published: Path) -> None:
    rgba = ["dog2_standing", "drinking_horse", "pizza1", "prague", "road1", "white_horse1", "white_horse2"]
    for name in rgba:
        path = published / "originals" / f"{name}.png"
        with Image.open(path) as image:
            assert image.mode == "RGBA"
            expected = np.asarray(image)[..., :3]  # they are opaque
        assert np.array_equal(read_image(path), expected)


def test_bird_png_is_read_though_it_is_a_jpeg(published: Path, real: TEdBench) -> None:
    png, jpeg = (published / "originals" / f"bird.{end}" for end in ("png", "jpeg"))
    assert png.read_bytes() == jpeg.read_bytes()
    entry = next(entry for entry in real.entries if entry.image_name == "bird.png")
    assert np.array_equal(real.read(entry)[0], read_image(jpeg))


def test_tennis_ball_becomes_square(real: TEdBench) -> None:
    entry = next(entry for entry in real.entries if entry.image_name == "tennis_ball.jpeg")
    assert real.read(entry)[0].shape == (1046, 1045, 3)
    assert real.load(entry).image.shape == (64, 64, 3)


def test_pair_id_does_not_depend_on_position(small: Path, small_manifest: Manifest) -> None:
    before = {entry.id for entry in TEdBench(small, 16, manifest=small_manifest).entries}
    rows = json.loads((small / "input_list.json").read_text())
    random.Random(1).shuffle(rows)
    (small / "input_list.json").write_text(json.dumps(rows[1:]))
    with pytest.warns(UserWarning, match="differs from the published list"):
        after = {entry.id for entry in TEdBench(small, 16, manifest=small_manifest).entries}
    assert after < before
    assert len(after) == 4


def test_same_text_on_two_images_is_two_pairs(small: Path, small_manifest: Manifest) -> None:
    funny = [
        entry
        for entry in TEdBench(small, 16, manifest=small_manifest).entries
        if entry.target_text == "A funny animal."
    ]
    assert len({entry.id for entry in funny}) == 2


def test_image_in_another_format_is_the_same_image(small: Path, small_manifest: Manifest) -> None:
    original = small / "originals" / "bird.png"
    Image.open(original).convert("RGBA").save(small / "new.png", format="PNG")
    shutil.move(small / "new.png", original)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TEdBench(small, 16, manifest=small_manifest)


def test_changed_image_is_warned_of_and_used(small: Path, small_manifest: Manifest) -> None:
    Image.new("RGB", (40, 40), "red").save(small / "originals" / "cat.png")
    with pytest.warns(UserWarning, match=r"1 of 3 images .* differ .*: cat\.png"):
        dataset = TEdBench(small, 16, manifest=small_manifest)
    assert (dataset.load(dataset.entries[2]).image == (255, 0, 0)).all()


def test_missing_image_is_an_error_unless_its_pairs_are_left_out(small: Path, small_manifest: Manifest) -> None:
    (small / "originals" / "cat.png").unlink()
    with pytest.raises(UserError, match=r"1 of 3 images are missing in .*originals, such as cat\.png"):
        TEdBench(small, 16, manifest=small_manifest)
    assert len(TEdBench(small, 16, limit=2, manifest=small_manifest)) == 2


def test_root_may_be_the_checkout_that_holds_the_folder(small: Path, small_manifest: Manifest) -> None:
    checkout = small.parent / "checkout"
    shutil.copytree(small, checkout / "tedbench")
    assert len(TEdBench(checkout, 16, manifest=small_manifest)) == 5


def test_root_without_a_list_says_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"input_list\.json does not exist\. Set dataset\.root"):
        TEdBench(tmp_path, 16)


@pytest.mark.parametrize(
    "text", ["no json", "[1]", '{"a": 1}', '[{"img_name": "a.png"}]', '[{"img_name": 3, "target_text": "x"}]']
)
def test_wrong_list_is_told_of(small: Path, text: str) -> None:
    (small / "input_list.json").write_text(text)
    with pytest.raises(UserError, match=r"input_list\.json"):
        TEdBench(small, 16)


def test_unknown_source_is_told_of() -> None:
    with pytest.raises(UserError, match=r"dataset\.source=gitlab is unknown\. Use github or huggingface"):
        TEdBench(None, 16, source="gitlab")
