from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from imagic.strip import draw_strip
from tedbench.method import Sample


def test_a_strip_has_a_row_a_seed_and_a_column_a_strength(noise_image):
    samples = [Sample(eta, seed, noise_image(seed)) for eta in (0.0, 1.0) for seed in (0, 1)]
    one = draw_strip(noise_image(), [s for s in samples if s.seed == 0], "A dog.", cell=48)
    two = draw_strip(noise_image(), samples, "A dog.", cell=48)
    assert two.width == one.width == 2 + 3 * (48 + 2)
    assert two.height > one.height + 48


def test_a_strip_is_as_wide_as_its_text(noise_image):
    one = draw_strip(noise_image(), [Sample(1.0, 0, noise_image(1))], "A long text " * 20, cell=48, label=str)
    assert one.width > 400


@pytest.fixture
def picture(tmp_path, noise_image):
    Image.fromarray(noise_image(0, 64)).save(tmp_path / "in.png")
    return tmp_path


def imagic(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "imagic", *arguments], cwd=cwd, capture_output=True, text=True
    )


def test_one_picture_gives_a_strip(picture):
    quick = ["recipe.imagic.embedding.steps=1", "recipe.imagic.finetune.steps=1", "recipe.imagic.sampling.steps=1"]
    done = imagic("image=in.png", 'text="a sitting dog"', "strengths=[0,1]", *quick, cwd=picture)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "in-imagic.png"
    assert np.asarray(Image.open(picture / "in-imagic.png")).std() > 10


def test_bad_requests_are_one_clear_line(picture):
    (picture / "text.png").write_text("no picture")
    for arguments, words in (
        (["image=none.png", "text=dog"], "does not exist"),
        (["image=text.png", "text=dog"], "cannot be read"),
        (["image=in.png", 'text=" "'], "empty"),
    ):
        done = imagic(*arguments, cwd=picture)
        assert done.returncode == 2
        assert done.stderr.startswith("error: ") and words in done.stderr and "Traceback" not in done.stderr
