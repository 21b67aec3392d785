"""DINO similarity against transformers' own processor and model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import cosine_similarity
from transformers import BitImageProcessorPil, Dinov2Config, Dinov2Model

from eval.metrics.base import Reference
from eval.metrics.dino import DinoSimilarity
from tedbench.errors import UserError

IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small DINOv2 as the hub has them: resized to 256, the middle 224 of it seen in patches of 14."""
    path = tmp_path_factory.mktemp("hub") / "dinov2-tiny"
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "layerscale_value": 0.5}
    Dinov2Model(Dinov2Config(**sizes, image_size=224, patch_size=14, initializer_range=0.1)).save_pretrained(path)
    edge = {"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}}
    BitImageProcessorPil(**edge, **IMAGENET).save_pretrained(path)
    return path


@pytest.mark.parametrize(("height", "width"), [(64, 64), (300, 300), (280, 400), (1, 1)])
def test_scores_are_transformers_own(folder, pictures, height, width):
    model, processor = Dinov2Model.from_pretrained(folder).eval(), BitImageProcessorPil.from_pretrained(folder)
    images, source = pictures(4, height, width), pictures(1, height, width, seed=1)[0]

    @torch.no_grad()
    def features(image):
        return model(**processor(images=image, return_tensors="pt")).pooler_output

    theirs = [cosine_similarity(features(image), features(source)).item() for image in images]
    for batch in (1, 3, 32):
        ours = DinoSimilarity(str(folder), batch=batch).score(Reference(source, ""), images)
        np.testing.assert_allclose(ours, theirs, atol=2e-6)


def test_an_unchanged_image_is_as_similar_as_can_be(folder, pictures):
    images = pictures(3, 64)
    score = DinoSimilarity(str(folder)).score(Reference(images[1], ""), images)
    assert score[1] == pytest.approx(1, abs=1e-6) and (np.delete(score, 1) < 0.999).all()


def test_an_inputs_features_are_computed_once(folder, pictures):
    metric, seen = DinoSimilarity(str(folder), batch=2), []
    metric._network.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    for _ in range(2):
        metric.score(Reference(pictures(1, 64, seed=5)[0], ""), pictures(3, 64))
    assert seen == [1, 2, 1, 2, 1]


def test_the_name_says_model_and_weights(folder):
    name = DinoSimilarity(str(folder)).name
    assert name.startswith("dino/dinov2-tiny/") and len(name.rpartition("/")[2]) == 8


def test_float_images_are_refused(folder, pictures):
    with pytest.raises(TypeError, match="uint8"):
        DinoSimilarity(str(folder)).score(Reference(pictures(1, 64)[0], ""), pictures(1, 64) / 255)


def test_missing_weights_say_file_command_and_place(folder, tmp_path):
    with pytest.raises(UserError) as caught:
        DinoSimilarity("facebook/dinov2-none")
    message = str(caught.value)
    assert "hf download facebook/dinov2-none config.json preprocessor_config.json model.safetensors" in message
    assert "models--facebook--dinov2-none" in message and "\n" not in message
    with pytest.raises(UserError, match=r"has no config\.json"):
        DinoSimilarity(str(tmp_path))
    with pytest.raises(UserError, match="no folder dinov2"):
        DinoSimilarity("dinov2")


def test_a_pickle_is_not_opened(folder, tmp_path):
    for file in folder.iterdir():
        if file.suffix == ".json":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    torch.save(load_file(folder / "model.safetensors"), tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"has no model\.safetensors"):
        DinoSimilarity(str(tmp_path))
