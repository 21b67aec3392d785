"""CLIP score, direction and CLIP-I against open_clip's own preprocessing and encoders, and torchmetrics."""

from __future__ import annotations

import gc
import warnings

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from torch.nn.functional import cosine_similarity
from torchmetrics.multimodal import CLIPScore
from transformers import CLIPImageProcessorPil

from benchmarks.transformers_clip import as_transformers
from eval.metrics.base import Reference
from eval.metrics.clip_direction import ClipDirection
from eval.metrics.clip_features import open_features
from eval.metrics.clip_image import ClipImageSimilarity
from eval.metrics.clip_score import ClipScore
from tedbench.errors import UserError

SOURCE, TARGET = "A photo of a standing dog.", "A photo of a sitting dog."
LONG = "A photo of a dog " + "and another cat " * 170
TEXTS = [TARGET, LONG, "Ein Hund 🐕 sitzt 🎉", "كلب جالس", "A B\tC", "é" * 600]


class Plain:
    """open_clip as its README uses it, one image and one text at a time."""

    def __init__(self, folder):
        source = f"local-dir:{folder}"
        self.model, self.preprocess = open_clip.create_model_from_pretrained(source)
        self.model.eval()
        self.tokenize = open_clip.get_tokenizer(source)

    @torch.no_grad()
    def image(self, image):
        return self.model.encode_image(self.preprocess(Image.fromarray(image))[None])

    @torch.no_grad()
    def text(self, text):
        return self.model.encode_text(self.tokenize([text]))


@pytest.fixture(scope="module")
def plain(clip_folder):
    return Plain(clip_folder)


@pytest.mark.parametrize(("height", "width"), [(224, 224), (512, 512), (64, 64), (300, 500), (517, 230), (1, 1)])
def test_scores_are_open_clips_own(clip_folder, plain, pictures, height, width):
    images = pictures(4, height, width)
    reference = Reference(pictures(1, height, width, seed=1)[0], TARGET, SOURCE)
    before, shown = plain.image(reference.image), torch.cat([plain.image(image) for image in images])
    old, wanted = plain.text(SOURCE), plain.text(TARGET)
    normal = torch.nn.functional.normalize
    theirs = {
        ClipScore: cosine_similarity(shown, wanted),
        ClipImageSimilarity: cosine_similarity(shown, before),
        ClipDirection: cosine_similarity(normal(shown) - normal(before), normal(wanted) - normal(old)),
    }
    for batch in (1, 3, 32):
        metrics = [metric(str(clip_folder), batch=batch) for metric in theirs]
        for metric, values in zip(metrics, theirs.values(), strict=True):
            np.testing.assert_allclose(metric.score(reference, images), values.numpy(), atol=2e-6, err_msg=metric.name)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.filterwarnings("ignore:clip/")
def test_any_text_scores_as_in_open_clip(clip_folder, plain, pictures, text):
    image = pictures(1, 224)
    theirs = cosine_similarity(plain.image(image[0]), plain.text(text)).item()
    assert ClipScore(str(clip_folder)).score(Reference(image[0], text), image)[0] == pytest.approx(theirs, abs=1e-6)


def test_scores_are_torchmetrics_own(clip_folder, pictures):
    """With transformers' Pillow processor: its other one resizes a little differently."""
    model, processor = as_transformers(clip_folder)
    processor.image_processor = CLIPImageProcessorPil(**processor.image_processor.to_dict())
    images, theirs = pictures(3, 300, 400), CLIPScore(lambda: (model, processor))
    as_tensors = [torch.from_numpy(image).permute(2, 0, 1) for image in images]
    with torch.no_grad():
        wanted = [theirs(image, TARGET).item() / 100 for image in as_tensors]
    ours = ClipScore(str(clip_folder)).score(Reference(images[0], TARGET), images)
    np.testing.assert_allclose(np.maximum(ours, 0), wanted, atol=2e-6)
    assert max(wanted) > 0


@pytest.mark.parametrize("every", [8, pytest.param(1, marks=pytest.mark.slow)])
def test_published_outputs_score_the_same_in_every_batch(clip_folder, plain, tedbench_outputs, every):
    chosen = tedbench_outputs(every)
    images = np.stack([edited for _, _, edited in chosen])
    shown = torch.cat([plain.image(image) for image in images])
    for batch in (1, 2, 7, 40):
        metric = ClipScore(str(clip_folder), batch=batch)
        for source, text, _ in chosen:
            ours = metric.score(Reference(source, text), images)
            np.testing.assert_allclose(ours, cosine_similarity(shown, plain.text(text)).numpy(), atol=1e-5)


def test_squashing_and_aliasing_would_show(clip_folder, plain, pictures):
    """What tests of equality above rest on: these mistakes change the score by far more than the tolerance."""
    image, wanted = pictures(1, 300, 500)[0], plain.text(TARGET)
    right = ClipScore(str(clip_folder)).score(Reference(image, TARGET), image[None])[0]
    middle = image[:, 100:400]
    for mistake in (
        Image.fromarray(image).resize((224, 224), Image.Resampling.BICUBIC),  # squashed
        Image.fromarray(middle).resize((224, 224), Image.Resampling.NEAREST),  # aliased
    ):
        assert abs(cosine_similarity(plain.image(np.asarray(mistake)), wanted).item() - right) > 1e-3


def test_a_long_text_keeps_its_end_token_and_is_reported(clip_folder, plain, pictures):
    image = pictures(1, 224)
    with pytest.warns(UserWarning, match="reads 77 tokens; the end of this text is cut off"):
        right = ClipScore(str(clip_folder)).score(Reference(image[0], LONG), image)[0]
    tokens = plain.tokenize([LONG])
    assert tokens[0, -1] == 49407
    cut = open_clip.SimpleTokenizer(context_length=800)([LONG])[:, :77]
    with torch.no_grad():
        wrong = cosine_similarity(plain.image(image[0]), plain.model.encode_text(cut)).item()
    assert abs(wrong - right) > 1e-3


def test_a_short_text_is_not_reported(clip_folder, pictures):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ClipScore(str(clip_folder)).score(Reference(pictures(1, 224)[0], TARGET), pictures(1, 224))


@pytest.mark.parametrize(("model", "tag"), [("ViT-B-32", "openai"), ("ViT-L-14", "metaclip_400m")])
def test_weights_trained_with_quickgelu_are_refused_without_it(model, tag):
    with pytest.raises(UserError, match=f"{model}-quickgelu"):
        ClipScore(model, tag)


def test_the_wrong_gelu_would_show(save_clip, clip_folder, pictures):
    image = pictures(1, 224)
    quick, other = (
        ClipScore(str(f)).score(Reference(image[0], TARGET), image) for f in (clip_folder, save_clip(False))
    )
    assert abs(quick - other) > 1e-4


def test_a_text_and_an_input_are_encoded_once(clip_folder, pictures, monkeypatch):
    metrics = [make(str(clip_folder)) for make in (ClipScore, ClipDirection, ClipImageSimilarity)]
    seen = []
    network = metrics[0]._clip._clip.network
    for name in ("encode_image", "encode_text"):
        real = getattr(network, name)
        monkeypatch.setattr(network, name, lambda x, real=real, name=name: seen.append((name, len(x))) or real(x))
    source = pictures(1, 100, seed=7)[0]
    for edited in (pictures(3, 100, seed=8), pictures(3, 100, seed=9)):
        for metric in metrics:
            metric.score(Reference(source, "A cat that sits.", "A cat that stands."), edited)
    assert sorted(seen) == [("encode_image", 1), ("encode_image", 3), ("encode_image", 3), *[("encode_text", 1)] * 2]


def test_metrics_of_one_model_share_it_and_it_goes_with_them(save_clip):
    folder = str(save_clip())
    first, second = ClipScore(folder), ClipImageSimilarity(folder)
    assert first._clip is second._clip
    del first, second
    gc.collect()
    from eval.metrics import clip_features

    assert not any(model == folder for model, *_ in clip_features._open)


def test_names_say_backbone_and_weights(clip_folder):
    weights = open_features(str(clip_folder)).name
    assert weights.startswith(f"{clip_folder.name}/") and len(weights.rpartition("/")[2]) == 8
    assert ClipScore("picturebook:clip").name.startswith("clip/picturebook/")
    assert ClipDirection(str(clip_folder)).name == f"clip-direction/{weights}"
    assert ClipImageSimilarity(str(clip_folder)).name == f"clip-i/{weights}"


LONG = "a dog " * 80
SAME, SAME_TO_MODEL = (
    "source text and target text are the same",
    "source text and target text are the same to the model",
)


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        (None, TARGET, "no source text"),
        ("", TARGET, "no source text"),
        (TARGET, TARGET, SAME),
        (TARGET.upper(), TARGET, SAME_TO_MODEL),
        (f"  {TARGET.replace(' ', '   ')}\n", TARGET, SAME_TO_MODEL),
        (f"{LONG} that sits", f"{LONG} that stands", SAME_TO_MODEL),  # behind the end of what it reads
        (TARGET.rstrip("."), TARGET, None),
    ],
)
@pytest.mark.filterwarnings("ignore:.*is cut off")
def test_direction_needs_a_source_text_that_differs_to_the_model(clip_folder, pictures, source, target, reason):
    metric, image = ClipDirection(str(clip_folder)), pictures(2, 64)
    reference = Reference(image[0], target, source)
    assert metric.unscored(reference) == reason
    assert np.isnan(metric.score(reference, image)).all() == (reason is not None)


def test_texts_whose_embeddings_differ_by_rounding_alone_give_no_direction(clip_folder, pictures, monkeypatch):
    metric, image = ClipDirection(str(clip_folder)), pictures(2, 64)
    reference = Reference(image[0], "A dog.", "A cat.")
    vector = np.ones(32) / np.sqrt(32)
    for apart, unscored in ((3e-8, True), (1e-4, False)):
        monkeypatch.setattr(metric._clip, "text", lambda text, apart=apart: vector + apart * (text == "A dog."))
        assert (metric.unscored(reference) is not None) == unscored


def test_an_image_that_is_the_input_made_no_step_in_any_batch(clip_folder, pictures):
    images = pictures(5, 64)
    score = ClipDirection(str(clip_folder)).score(Reference(images[3], TARGET, SOURCE), images)
    assert score[3] == 0 and (np.abs(np.delete(score, 3)) > 1e-3).all()


def test_missing_weights_say_file_command_and_place(monkeypatch, tmp_path):
    monkeypatch.setattr("imagic.models.clip.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UserError) as caught:
        ClipScore("ViT-B-32-quickgelu", "openai")
    message = str(caught.value)
    assert "hf download timm/vit_base_patch32_clip_224.openai open_clip_model.safetensors" in message
    assert str(tmp_path) in message and "\n" not in message


def test_unknown_models_and_files_are_refused(tmp_path):
    with pytest.raises(UserError, match="knows no model"):
        ClipScore("ViT-B-33-quickgelu", "openai")
    with pytest.raises(UserError, match="cannot be loaded"):
        ClipScore("ViT-B-32", str(tmp_path / "none.safetensors"))
