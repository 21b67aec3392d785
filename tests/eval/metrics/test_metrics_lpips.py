"""LPIPS against the lpips package's own forward and torchmetrics, on the same weights."""

from __future__ import annotations

from functools import cache

import lpips
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torchmetrics.image import LearnedPerceptualImagePatchSimilarity

from eval.metrics.base import Reference
from eval.metrics.lpips_distance import LpipsDistance
from tedbench.errors import PairError, UserError

OWN_BACKBONE = "picturebook:perceptual/alex.safetensors"

pytestmark = pytest.mark.usefixtures("imagenet_weights")


def minus_one_to_one(images):
    return torch.from_numpy(images).permute(0, 3, 1, 2) / 127.5 - 1


@cache
def package_of(net):
    """The package's own module, built once: random weights for the classifier that it never uses take half a second."""
    return lpips.LPIPS(net=net, verbose=False)


@torch.no_grad()
def forward(package, source, images):
    """One image at a time, as the packages' READMEs do."""
    pairs = (minus_one_to_one(np.stack([source, image])) for image in images)
    return np.array([package(a[None], b[None]).item() for a, b in pairs])


@pytest.mark.parametrize("net", ["alex", "squeeze", pytest.param("vgg", marks=pytest.mark.slow)])
def test_distances_are_the_packages_and_torchmetrics(net, pictures):
    package, of_torchmetrics = package_of(net), LearnedPerceptualImagePatchSimilarity(net)
    metric = LpipsDistance(net, size=None)
    for height, width, metric.batch in ((64, 64, 1), (64, 64, 3), (96, 80, 8), (33, 47, 2)):
        images, source = pictures(4, height, width), pictures(1, height, width, seed=1)[0]
        ours = metric.score(Reference(source, ""), images)
        for theirs in (package, of_torchmetrics):
            np.testing.assert_allclose(ours, forward(theirs, source, images), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("net", ["alex", "squeeze"])
def test_a_backbone_of_ones_own_is_the_packages_baseline(net, tmp_path, pictures):
    torch.manual_seed(0)
    package = lpips.LPIPS(net=net, lpips=False, pnet_rand=True, verbose=False)
    state = {}
    for k in range(package.net.N_slices):
        for name, layer in getattr(package.net, f"slice{k + 1}").named_children():
            state |= {f"{name}.{n}": v.contiguous() for n, v in layer.state_dict().items()}
    save_file(state, tmp_path / "own.safetensors")
    images, source = pictures(4, 64), pictures(1, 64, seed=1)[0]
    ours = LpipsDistance(net, 64, str(tmp_path / "own.safetensors"), batch=3).score(Reference(source, ""), images)
    np.testing.assert_allclose(ours, forward(package, source, images) / (2 * package.L), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("size", "found"), [(64, 96), (96, 64)])
def test_images_are_resized_with_antialiased_bicubic(size, found, pictures):
    images, source = pictures(3, found), pictures(1, found, seed=1)[0]
    resized = lambda x, how: np.asarray(Image.fromarray(x).resize((size, size), how))
    package, how = package_of("alex"), Image.Resampling
    right, wrong = (
        forward(package, resized(source, way), np.stack([resized(i, way) for i in images]))
        for way in (how.BICUBIC, how.NEAREST)
    )
    ours = LpipsDistance("alex", size).score(Reference(source, ""), images)
    np.testing.assert_allclose(ours, right, rtol=1e-5, atol=1e-7)
    assert (np.abs(ours - wrong) > 1e-3).all()


@pytest.mark.parametrize(
    ("batches", "every", "size"),
    [((1, 3, 8), 12, 128), pytest.param((1, 3, 8, 40), 1, 512, marks=pytest.mark.slow)],
)
def test_published_outputs_have_the_same_distance_in_every_batch(tedbench_outputs, batches, every, size):
    package, chosen = package_of("alex"), tedbench_outputs(every)
    edited = np.stack([image for _, _, image in chosen])
    resized = lambda x: (
        x if size == 512 else np.asarray(Image.fromarray(x).resize((size, size), Image.Resampling.BICUBIC))
    )
    source = chosen[0][0]
    theirs = forward(package, resized(source), [resized(image) for image in edited])
    for batch in batches:
        ours = LpipsDistance("alex", size, batch=batch).score(Reference(source, ""), edited)
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_zero_to_one_pixels_would_show_and_are_refused(pictures):
    """The package takes [0, 1] for [−1, 1] in silence, and gives a plausible wrong number."""
    images, source = pictures(1, 64), pictures(1, 64, seed=1)[0]
    metric = LpipsDistance("alex", size=None)
    right = metric.score(Reference(source, ""), images)[0]
    halves = (torch.from_numpy(x).permute(2, 0, 1)[None] / 255 for x in (source, images[0]))
    with torch.no_grad():
        wrong = metric._lpips(*halves).item()
    assert wrong > 0 and abs(wrong - right) > 0.05 * right
    for bad in (images / 255, (images / 127.5 - 1).astype(np.float32), images.astype(np.int16)):
        with pytest.raises(TypeError, match="uint8"):
            metric.score(Reference(source, ""), bad)
        with pytest.raises(TypeError, match="uint8"):
            metric.score(Reference(bad[0], ""), images)


def test_a_shape_that_would_be_squashed_is_refused(pictures):
    images = pictures(1, 64, 96)
    with pytest.raises(PairError, match="squash images of 96×64"):
        LpipsDistance("alex", size=64).score(Reference(images[0], ""), images)


def test_images_too_small_for_the_nets_are_refused(pictures):
    for net in ("alex", "squeeze"):  # as the nets' poolings go; vgg has fewer than alex
        LpipsDistance(net, size=None).score(Reference(pictures(1, 32)[0], ""), pictures(1, 32))
    with pytest.raises(PairError, match="1×1 pixels"):
        LpipsDistance("alex", size=None).score(Reference(pictures(1, 1)[0], ""), pictures(1, 1))
    with pytest.raises(UserError, match=r"metrics\.lpips\.size=32"):
        LpipsDistance("alex", size=8)


def test_an_unchanged_image_has_no_distance(pictures):
    image = pictures(3, 64)
    score = LpipsDistance("alex", 64, OWN_BACKBONE).score(Reference(image[1], "a dog"), image)
    assert score[1] == pytest.approx(0, abs=1e-9) and (np.delete(score, 1) > 1e-3).all()


@pytest.mark.parametrize("backbone", [None, OWN_BACKBONE])
def test_no_random_weights_are_drawn_only_to_be_replaced(backbone):
    before = torch.random.get_rng_state()
    metric = LpipsDistance("alex", 64, backbone)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(value.isfinite().all() for value in metric._lpips.state_dict().values())


def test_an_inputs_features_are_computed_once(pictures):
    metric, seen = LpipsDistance("squeeze", 64, batch=2), []
    metric._lpips.net.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    first, second = pictures(2, 64, seed=5)
    for source in (first, first, second, first):
        metric.score(Reference(source, ""), pictures(3, 64))
    assert sum(seen) == 4 * 3 + 3  # the edits each time, an input where it is another than the last
    assert len(metric._inputs) == 1


def test_names_say_net_weights_and_size():
    assert [LpipsDistance("squeeze", size).name for size in (512, 256, None)] == [
        "lpips/squeeze/512",
        "lpips/squeeze/256",
        "lpips/squeeze/native",
    ]
    own = LpipsDistance("alex", 64, OWN_BACKBONE).name
    assert own.startswith("lpips/alex-picturebook-") and own.endswith("/64")


def test_missing_weights_say_file_command_and_place(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(UserError) as caught:
        LpipsDistance("alex", 512)
    message = str(caught.value)
    assert "curl -O https://download.pytorch.org/models/alexnet-owt-7be5be79.pth" in message
    assert str(tmp_path / "hub" / "checkpoints") in message and "\n" not in message


def test_unknown_nets_are_refused():
    with pytest.raises(UserError, match="no net 'alexx'"):
        LpipsDistance("alexx")
