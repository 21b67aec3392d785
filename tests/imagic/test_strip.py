from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from cli.command import compose
from imagic.models.synthetic import is_synthetic
from imagic.models.weights import locate
from imagic.strip import draw_strip, strip_row
from tedbench.method import Sample


def colours(strip, side, width=1):
    """The one colour of each picture of a strip, in rows."""
    pixels = np.asarray(strip)
    rows = [y for y in range(len(pixels)) if (pixels[y] != 255).any(axis=1).sum() >= width * side]
    tops = [y for y in rows if y - 1 not in rows]
    return [list(dict.fromkeys(map(tuple, pixels[y][(pixels[y] != 255).any(axis=1)].tolist()))) for y in tops]


def test_a_strip_has_a_row_a_seed_and_a_column_a_strength_in_order():
    one_colour = lambda *colour: np.full((48, 48, 3), colour, np.uint8)
    samples = [Sample(eta, seed, one_colour(100, seed, int(eta * 10))) for eta in (1.0, 0.0) for seed in (1, 0)]
    drawn = {
        count: draw_strip(one_colour(200, 0, 0), [s for s in samples if s.seed < count], "Dog.", label=str, side=48)
        for count in (1, 2)
    }
    expected = [[(200, 0, 0), (100, seed, 0), (100, seed, 10)] for seed in (0, 1)]
    assert colours(drawn[1], 48, 3) == expected[:1] and colours(drawn[2], 48, 3) == expected
    assert drawn[1].width == drawn[2].width


def test_a_long_text_takes_several_lines(noise_image):
    short, long = (
        draw_strip(noise_image(), [Sample(1.0, 0, noise_image(1))], text, label=str, side=48)
        for text in ("A text", "A long text " * 20)
    )
    assert long.width == short.width and long.height > short.height + 20 * 30


def test_a_row_has_the_true_edit_last_and_names_its_seed_if_asked(noise_image):
    samples = [Sample(eta, 3, noise_image(1)) for eta in (1.0, 0.0)]
    row = strip_row(noise_image(), samples, "η = {:g}".format, truth=noise_image(2), named=True)
    assert row.captions == ("input", "η = 0, seed 3", "η = 1, seed 3", "true edit")
    assert row.pictures[-1].tolist() == noise_image(2).tolist() and len(row.pictures) == 4


@pytest.fixture
def picture(tmp_path, noise_image):
    Image.fromarray(noise_image(0, 64)).save(tmp_path / "in.png")
    return tmp_path


QUICK = ("recipe.imagic.embedding.steps=1", "recipe.imagic.finetune.steps=1", "recipe.imagic.sampling.steps=1")


@pytest.fixture
def draw(picture, command):
    """``python -m imagic`` on in.png in this process, with few steps; gives how it ended."""

    def run(text, *more):
        return command("imagic.__main__", "image=in.png", f'text="{text}"', "strengths=[0]", *QUICK, *more, cwd=picture)

    return run


def test_each_text_has_a_strip_of_its_own_and_a_repeated_command_replaces_it(draw, picture):
    dog, cat = draw("a sitting dog"), draw("a sitting cat")
    assert (dog.returncode, cat.returncode) == (0, 0), dog.stderr + cat.stderr
    names = [done.stdout.strip() for done in (dog, cat)]
    assert names[0].startswith("in.png_a_sitting_dog-") and names[0].endswith("-imagic.png") and names[0] != names[1]
    before = (picture / names[1]).read_bytes()
    assert np.asarray(Image.open(picture / names[0])).std() > 10
    assert draw("a sitting dog", "strengths=[0,1]").returncode == 0
    assert (picture / names[1]).read_bytes() == before


def test_an_out_is_written_over_only_if_it_is_the_same_strip(draw, picture, noise_image):
    before = (picture / "in.png").read_bytes()
    for out in ("in.png", "strip.png"):
        if out == "strip.png":
            assert draw("a dog", "out=strip.png").returncode == 0
            assert draw("a dog", "out=strip.png").returncode == 0
        done = draw("a cat", f"out={out}")
        assert done.returncode == 2 and "is not this picture's strip" in done.stderr
    assert (picture / "in.png").read_bytes() == before
    Image.fromarray(noise_image(1, 64)).save(picture / "in.png")
    assert draw("a dog", "out=strip.png").returncode == 2  # another picture of the same name


def test_every_model_of_the_drawn_world_is_labelled_and_no_other(tmp_path):
    embedded = dict(compose("imagic", ["image=a", "text=b"]).model)
    for name in ("picturebook", "picturebook_cascade", "picturebook_flow"):
        assert is_synthetic(compose("imagic", ["image=a", "text=b", f"model={name}"]).model)
    shutil.copytree(locate("picturebook:diffusion"), tmp_path / "mine")
    assert is_synthetic(embedded | {"name": "mine", "path": str(tmp_path / "mine")})
    words = tmp_path / "mine" / "tokenizer" / "tokenizer.json"
    words.write_text(words.read_text().replace('"dog</w>"', '"Hund</w>"'))
    assert not is_synthetic(embedded | {"name": "picturebook", "path": str(tmp_path / "mine")})


def test_the_strip_of_the_cascade_says_that_it_is_synthetic(draw, monkeypatch):
    said = []
    drawn = lambda image, samples, text, **more: said.append(text) or draw_strip(image, samples, text, **more)
    monkeypatch.setattr("imagic.strip.draw_strip", drawn)
    few = ("recipe.imagic.upscaler.steps=1", "model.upscaling.steps=1")
    assert draw("a dog", "model=picturebook_cascade", *few).returncode == 0
    assert said == ["a dog – Picturebook (synthetic)"]


def test_bad_requests_are_one_clear_line(picture, command):
    (picture / "text.png").write_text("no picture")
    for arguments, words in (
        (["image=none.png", "text=dog"], "does not exist"),
        (["image=text.png", "text=dog"], "cannot be read"),
        (["image=in.png", 'text=" "'], "empty"),
    ):
        done = command("imagic.__main__", *arguments, cwd=picture)
        assert done.returncode == 2
        assert done.stderr.startswith("error: ") and words in done.stderr and "Traceback" not in done.stderr
