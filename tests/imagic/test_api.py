from __future__ import annotations

import pytest
from PIL import Image

import imagic
from tedbench.errors import UserError


def test_the_readmes_five_lines_work(tmp_path, noise_image):
    Image.fromarray(noise_image(0, 64)).save(tmp_path / "scene.png")
    editor = imagic.load("picturebook", "recipe.imagic.embedding.steps=1", "recipe.imagic.finetune.steps=1")
    pair = imagic.open_pair(tmp_path / "scene.png", "A bird spreading wings.", editor.image_size)
    with editor.fit(pair) as edit:
        found = [(strength, seed, image.shape) for strength, seed, image in edit.sample([(0.0, 0), (0.8, 0)])]
    assert found == [(0.0, 0, (64, 64, 3)), (0.8, 0, (64, 64, 3))]
    assert imagic.load.__name__ == "load"  # still the function, after its module was imported


def test_mistakes_are_told():
    with pytest.raises(UserError, match="Did you mean model=sd15"):
        imagic.load("sd155")
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        imagic.lode  # noqa: B018
