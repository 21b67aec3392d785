"""PSNR and SSIM against torchmetrics' own objects, and against their definition where uint8 would wrap."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.image import PeakSignalNoiseRatio, StructuralSimilarityIndexMeasure

from eval.metrics.base import Reference
from eval.metrics.pixels import Psnr, Ssim
from tedbench.errors import PairError


@pytest.mark.parametrize(("ours", "theirs"), [(Psnr, PeakSignalNoiseRatio), (Ssim, StructuralSimilarityIndexMeasure)])
@pytest.mark.parametrize(("height", "width", "batch"), [(64, 64, 1), (64, 64, 3), (50, 90, 8), (11, 11, 2)])
def test_scores_are_torchmetrics_own_of_each_image(ours, theirs, height, width, batch, pictures):
    images, source = pictures(5, height, width), pictures(1, height, width, seed=1)[0]
    zero_to_one = lambda image: torch.from_numpy(image).permute(2, 0, 1)[None] / 255
    wanted = [theirs(data_range=1.0)(zero_to_one(image), zero_to_one(source)).item() for image in images]
    np.testing.assert_allclose(ours(batch=batch).score(Reference(source, ""), images), wanted, rtol=1e-4, atol=1e-5)


def test_differences_do_not_wrap_around():
    black, white = np.zeros((16, 16, 3), np.uint8), np.full((1, 16, 16, 3), 255, np.uint8)
    assert (white[0] - black == 255).all() and (black - white[0] == 1).all()  # in uint8
    assert Psnr().score(Reference(black, ""), white)[0] == pytest.approx(0, abs=1e-6)
    assert Psnr().score(Reference(white[0], ""), black[None])[0] == pytest.approx(0, abs=1e-6)


def test_the_input_itself_has_infinite_psnr_and_ssim_1(pictures):
    images = pictures(2, 32)
    assert Psnr().score(Reference(images[0], ""), images)[0] == np.inf
    assert Ssim().score(Reference(images[0], ""), images)[0] == pytest.approx(1)


def test_images_smaller_than_the_window_are_refused(pictures):
    with pytest.raises(PairError, match="1×1 pixels"):
        Ssim().score(Reference(pictures(1, 1)[0], ""), pictures(1, 1))


@pytest.mark.parametrize("metric", [Psnr, Ssim])
def test_floats_and_other_sizes_are_refused(metric, pictures):
    images = pictures(2, 32)
    with pytest.raises(TypeError, match="uint8"):
        metric().score(Reference(images[0], ""), images / 255)
    with pytest.raises(ValueError, match="32×32 are compared with 64×64"):
        metric().score(Reference(pictures(1, 64)[0], ""), images)


def test_names_say_window_and_size():
    assert (Psnr().name, Ssim().name) == ("psnr/native", "ssim/gaussian11/native")
