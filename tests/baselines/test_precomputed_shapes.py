"""Edits of another shape than their input: brought onto it by how they were made, and named where nobody says how."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from PIL import Image

from baselines.precomputed import Precomputed
from tedbench.datasets.folder import Folder
from tedbench.geometry import Size, lies_on, size_in_file

SIDE, BICUBIC = 64, Image.Resampling.BICUBIC


def photograph(width, height):
    """Smooth, and no part of it like another."""
    y, x = np.mgrid[0:height, 0:width]
    red, green = 127 + 120 * np.sin(x / width * 9), 127 + 120 * np.sin(y / height * 7 + 1)
    return Image.fromarray(np.stack([red, green, (red + green) / 2], -1).astype(np.uint8))


def squash(image, size):
    return image.resize(size, BICUBIC)


def pad(image, size):
    scale = min(size[0] / image.width, size[1] / image.height)
    inner = image.resize((round(image.width * scale), round(image.height * scale)), BICUBIC)
    padded = Image.new("RGB", size)
    padded.paste(inner, ((size[0] - inner.width) // 2, (size[1] - inner.height) // 2))
    return padded


def crop(image, size):
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side)).resize(size, BICUBIC)


@pytest.fixture
def made(tmp_path):
    """A pair of an input of a size and an unchanged edit of it; gives the dataset's only pair and the editor's settings."""

    def make(original, edited, how):
        image = photograph(*original)
        image.save(tmp_path / "in.png")
        (tmp_path / "out").mkdir(exist_ok=True)
        how(image, edited).save(tmp_path / "out" / "in.png-A_cat.png")
        (tmp_path / "pairs.csv").write_text("image,target_text\nin.png,A cat\n")
        return Folder(tmp_path / "pairs.csv", SIDE), tmp_path / "out"

    return make


def difference(dataset, editor):
    (pair,) = dataset
    with editor.fit(pair) as edit:
        (sample,) = edit.sample([(1.0, 0)])
    return float(np.abs(sample.image.astype(int) - pair.image).mean()), edit


@pytest.mark.parametrize("original", [(192, 128), (128, 192), (301, 100)])
@pytest.mark.parametrize("edited", [(128, 128), (96, 96), (160, 120), (256, 256)])
@pytest.mark.parametrize("how", [squash, pad])
def test_an_unchanged_edit_lies_on_its_input_once_it_is_said_how_it_was_made(made, original, edited, how):
    dataset, folder = made(original, edited, how)
    lying, edit = difference(dataset, Precomputed(folder, geometry=how.__name__))
    cropped, _ = difference(dataset, Precomputed(folder))
    assert lying < 2.5 < cropped / 2
    (origin,) = edit.origins().values()
    assert (origin.size, origin.geometry) == (edited, how.__name__)


@pytest.mark.parametrize("geometry", [None, "crop", "squash", "pad"])
@pytest.mark.parametrize("edited", [(192, 128), (96, 64)])
def test_an_edit_of_its_inputs_aspect_is_cut_as_the_input_is_whatever_is_said(made, geometry, edited):
    dataset, folder = made((192, 128), edited, squash)
    editor = Precomputed(folder, geometry=geometry)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        editor.files.check(dataset.entries)
    lying, edit = difference(dataset, editor)
    assert lying == 0 if edited == (192, 128) else lying < 2
    assert "other_shape" not in edit.facts()


def test_a_square_edit_of_no_square_is_named_unless_it_is_said_how_it_was_made(made):
    dataset, folder = made((192, 128), (128, 128), crop)
    with pytest.warns(
        UserWarning, match=r"1 of 1 edited images have another shape.*128×128 and its input 192×128.*crop,"
    ):
        Precomputed(folder).files.check(dataset.entries)
    for geometry in ("crop", "squash", "pad"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            Precomputed(folder, geometry=geometry).files.check(dataset.entries)
    lying, edit = difference(dataset, Precomputed(folder))
    assert lying == 0
    assert edit.facts()["other_shape"] == {
        "in.png-A_cat.png": {"input": "192×128", "edit": "128×128", "geometry": "crop"}
    }


def test_an_edit_that_is_neither_square_nor_of_its_inputs_aspect_is_named_under_crop_too(made):
    dataset, folder = made((192, 128), (160, 120), squash)
    with pytest.warns(UserWarning, match="Their centre squares do not lie on each other"):
        Precomputed(folder, geometry="crop").files.check(dataset.entries)


def test_an_edit_that_is_no_square_of_a_square_is_named(made):
    dataset, folder = made((128, 128), (192, 128), squash)
    with pytest.warns(UserWarning, match="1 of 1 edited images have another shape"):
        Precomputed(folder).files.check(dataset.entries)
    assert difference(dataset, Precomputed(folder, geometry="squash"))[0] < 2.5


@pytest.mark.parametrize(
    ("edited", "original", "geometry", "lies"),
    [
        ((1024, 1024), (1045, 1046), None, True),  # TEdBench's tennis_ball.jpeg
        ((768, 512), (770, 513), None, True),
        ((768, 512), (800, 512), None, False),
        ((512, 512), (768, 512), "crop", True),
        ((640, 512), (768, 512), "crop", False),
        ((640, 512), (768, 512), "squash", True),
    ],
)
def test_aspects_are_one_up_to_two_in_a_hundred(edited, original, geometry, lies):
    assert lies_on(Size(*edited), Size(*original), geometry) is lies


def test_a_picture_that_exif_turns_has_its_upright_size(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("a.jpg", "a.png", "a.webp"):
        photograph(60, 40).save(tmp_path / name, exif=exif)
        assert size_in_file(tmp_path / name) == (40, 60)
    (tmp_path / "no.png").write_text("no picture")
    assert size_in_file(tmp_path / "no.png") is None is size_in_file(tmp_path / "none.png")


def test_a_true_edit_of_another_shape_is_warned_of_once(tmp_path):
    photograph(192, 128).save(tmp_path / "in.png")
    squash(photograph(192, 128), (128, 128)).save(tmp_path / "true.png")
    rows = "in.png,A cat,true.png\nin.png,A dog,true.png\n"
    (tmp_path / "pairs.csv").write_text(f"image,target_text,truth\n{rows}")
    with pytest.warns(UserWarning, match=r"true edit of .* is 128×128 and its input 192×128") as told:
        assert len(list(Folder(tmp_path / "pairs.csv", 16))) == 2
    assert len(told) == 1
