"""What raters see is what the metrics see: the pixels of the shards, without a colour profile of any file."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from eval.runs.writer import RunWriter
from eval.study.design.material import INPUT, gather_material
from tedbench.image import read_image, square
from tedbench.method import Sample
from tedbench.pair import EditPair, Entry
from tests.made_runs import made_config

from ..parts import picture


def profile() -> bytes:
    """sRGB's profile with the primaries of red and green exchanged: whoever applies it sees other colours."""
    content = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return content.replace(b"rXYZ", b"none", 1).replace(b"gXYZ", b"rXYZ", 1).replace(b"none", b"gXYZ", 1)


@pytest.fixture
def runs(tmp_path):
    """Two runs whose input and edits were read from files with a colour profile, all larger than the run's size."""
    made = []
    for number, method in enumerate(("imagic", "sdedit")):
        run = RunWriter.create(tmp_path / method, made_config(method, fit={"size": 32, "method": method}))
        for name, seed in (("input", 1), (f"edit{number}", 5 + number)):
            Image.fromarray(picture(seed, 48)).save(tmp_path / f"{name}.png", icc_profile=profile())
        images = [square(read_image(tmp_path / f"{name}.png"), 32) for name in ("input", f"edit{number}")]
        run.write_shard(EditPair(Entry("input.png", "A dog."), images[0]), [Sample(0.5, 0, images[1])])
        made.append(run)
    for file in tmp_path.glob("*.png"):
        file.unlink()  # nothing is left to be shown but the shards
    return made


@pytest.mark.parametrize("format", ["png", "jpeg"])
def test_raters_get_the_pixels_that_were_scored_and_no_profile(format, runs):
    material = gather_material([str(run.folder) for run in runs], all_against_all=False, size=None, format=format)
    (pair,) = material.pairs
    shards = {run.labels["method"]: run.shard(pair.pair_id) for run in runs}
    scored = {method.name: shards[label] for method, label in zip(material.methods, shards, strict=True)}
    for (_, name), content in material.files.items():
        shard = scored.get(name, shards["imagic"])
        pixels = shard.input() if name == INPUT else shard.image(shard.samples()["image"].iloc[0])
        with Image.open(io.BytesIO(content)) as image:
            assert "icc_profile" not in image.info and "exif" not in image.info and image.mode == "RGB"
            away = np.abs(np.asarray(image, dtype=int) - pixels)
        assert away.max() == 0 if format == "png" else away.mean() < 4
    assert {name for _, name in material.files} == {INPUT, *(method.name for method in material.methods)}


def test_the_profile_of_this_test_is_one_that_would_be_seen():
    image = Image.fromarray(picture(1))
    seen = ImageCms.profileToProfile(
        image, ImageCms.ImageCmsProfile(io.BytesIO(profile())), ImageCms.createProfile("sRGB")
    )
    assert np.abs(np.asarray(seen, dtype=int) - np.asarray(image)).mean() > 20
