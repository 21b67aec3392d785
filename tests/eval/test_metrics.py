"""CLIP score and LPIPS against the packages' own code on the same weights."""

from __future__ import annotations

import lpips
import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from eval.metrics.base import Reference, shown_name, shown_score
from eval.metrics.clip_score import ClipScore
from eval.metrics.lpips_distance import LpipsDistance
from imagic.models.weights import locate
from tedbench.errors import UserError

OWN_BACKBONE = "picturebook:perceptual/alex.safetensors"


def pictures(count, size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [64, 96, 50])
@pytest.mark.parametrize("batch", [1, 3, 32])
def test_clip_score_is_open_clips_own_cosine(size, batch):
    source = f"local-dir:{locate('picturebook:clip')}"
    model, preprocess = open_clip.create_model_from_pretrained(source)
    model.eval()
    images, text = pictures(4, size), "A photo of a sitting dog."
    with torch.no_grad():
        image_features = model.encode_image(torch.stack([preprocess(Image.fromarray(i)) for i in images]))
        text_features = model.encode_text(open_clip.get_tokenizer(source)([text]))
        theirs = torch.nn.functional.cosine_similarity(image_features, text_features).numpy()
    ours = ClipScore("picturebook:clip", batch=batch).score(Reference(images[0], text), images)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize(("net", "batch"), [("alex", 1), ("alex", 3), ("alex", 32), ("squeeze", 3), ("vgg", 3)])
def test_lpips_is_the_packages_own_forward(net, batch, tmp_path):
    torch.manual_seed(0)
    theirs = lpips.LPIPS(net=net, lpips=False, pnet_rand=True, verbose=False)
    state = {}
    for k in range(theirs.net.N_slices):
        for name, layer in getattr(theirs.net, f"slice{k + 1}").named_children():
            state |= {f"{name}.{n}": v.contiguous() for n, v in layer.state_dict().items()}
    save_file(state, tmp_path / "own.safetensors")
    images, source = pictures(4, 64), pictures(1, 64, seed=1)[0]
    as_tensor = lambda x: torch.from_numpy(x).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        wanted = theirs(as_tensor(source[None]).expand(4, -1, -1, -1), as_tensor(images)).flatten().numpy() / (
            2 * theirs.L
        )
    metric = LpipsDistance(net, size=64, backbone=str(tmp_path / "own.safetensors"), batch=batch)
    np.testing.assert_allclose(metric.score(Reference(source, "a dog"), images), wanted, rtol=1e-5, atol=1e-6)


def test_lpips_with_linear_layers_is_the_packages_own_forward(monkeypatch):
    alexnet = lpips.pretrained_networks.tv.alexnet
    monkeypatch.setattr(lpips.pretrained_networks.tv, "alexnet", lambda **_: alexnet())  # no ImageNet weights here
    torch.manual_seed(0)
    metric = LpipsDistance("alex", size=64)
    images, source = pictures(3, 64), pictures(1, 64, seed=1)[0]
    as_tensor = lambda x: torch.from_numpy(x).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        wanted = metric._lpips(as_tensor(source[None]).expand(3, -1, -1, -1), as_tensor(images)).flatten().numpy()
    np.testing.assert_allclose(metric.score(Reference(source, "a dog"), images), wanted, rtol=1e-5, atol=1e-6)


def test_an_unchanged_image_has_no_distance():
    image = pictures(1, 64)
    score = LpipsDistance("alex", 64, OWN_BACKBONE).score(Reference(image[0], "a dog"), image)
    assert score[0] == pytest.approx(0, abs=1e-9)


def test_distances_are_shown_as_one_minus_and_alignment_as_it_is():
    assert (shown_name("lpips/alex/512"), shown_score("lpips/alex/512", 0.25)) == ("1-lpips/alex/512", 0.75)
    assert (shown_name("clip/a/b"), shown_score("clip/a/b", 0.25)) == ("clip/a/b", 0.25)


def test_names_say_backbone_weights_and_size():
    assert LpipsDistance("alex", 64, OWN_BACKBONE).name.startswith("lpips/alex-picturebook-")
    assert LpipsDistance("alex", 96, OWN_BACKBONE).name.endswith("/96")
    assert ClipScore("picturebook:clip").name.startswith("clip/picturebook/")


@pytest.mark.parametrize(
    "metric", [lambda: ClipScore("picturebook:clip"), lambda: LpipsDistance("alex", 64, OWN_BACKBONE)]
)
def test_float_images_are_refused(metric):
    image = pictures(1, 64)
    with pytest.raises(TypeError, match="uint8"):
        metric().score(Reference(image[0], "a dog"), image.astype(np.float32) / 255)


def test_a_long_text_keeps_its_end_token_and_is_reported():
    metric = ClipScore("picturebook:clip")
    long = "A photo of a dog " + "and a cat " * 40
    with pytest.warns(UserWarning, match="cut off"):
        tokens = metric._tokenize(long)
    assert tokens[0, -1] == 1
    assert tokens.shape[1] == 48


def test_openai_weights_without_quickgelu_are_refused():
    with pytest.raises(UserError, match="ViT-B-32-quickgelu"):
        ClipScore("ViT-B-32", "openai")


def test_missing_weights_say_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(UserError, match="cannot be downloaded"):
        ClipScore("ViT-B-32-quickgelu", "openai")
    with pytest.raises(UserError, match="alexnet-owt"):
        LpipsDistance("alex", 512)


def test_unknown_names_are_refused():
    with pytest.raises(UserError, match="no net 'alexx'"):
        LpipsDistance("alexx")
    with pytest.raises(UserError, match="knows no model"):
        ClipScore("ViT-B-33-quickgelu", "openai")
