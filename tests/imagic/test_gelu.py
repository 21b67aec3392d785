"""CLIP weights given by file or folder, in an architecture of the other GELU."""

from __future__ import annotations

import hashlib
import json
import warnings

import open_clip
import pytest
import torch
from safetensors.torch import save_file

from imagic.models import gelu
from imagic.models.clip import load_clip
from imagic.models.gelu import check_activation
from imagic.models.pins import OPEN_CLIP, PINS, Pin
from tedbench.errors import UserError

OPENAI = "timm/vit_base_patch32_clip_224.openai"
OPTION = "metrics.clip"


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A file of some weights' bytes; nothing was warned of before."""
    monkeypatch.setattr(gelu, "_warned", set())
    monkeypatch.setenv("IMAGIC_BENCH_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "given" / "some.safetensors"
    path.parent.mkdir()
    save_file({"logit_scale": torch.tensor(4.6)}, path)
    return path


@pytest.fixture
def clip_folder(tmp_path, weights):
    """A small CLIP in open_clip's format, whose configuration says nothing of QuickGELU."""
    config = {
        "embed_dim": 8,
        "vision_cfg": {"image_size": 32, "patch_size": 16, "width": 16, "head_width": 8, "layers": 1},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 8, "heads": 1, "layers": 1},
    }
    folder = tmp_path / "clip"
    folder.mkdir()
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}))
    network = open_clip.CLIP(**json.loads(json.dumps(config)))
    save_file(network.state_dict(), folder / OPEN_CLIP)
    return folder


def say(folder, quick):
    """Has a folder's configuration say so."""
    path = folder / "open_clip_config.json"
    settings = json.loads(path.read_text()) if path.exists() else {"model_cfg": {}}
    settings["model_cfg"]["quick_gelu"] = quick
    path.write_text(json.dumps(settings))


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def published_on_the_hub(monkeypatch):
    """Has a file be what the hub published of OpenAI's ViT-B/32."""
    return lambda path: monkeypatch.setitem(PINS, OPENAI, Pin(PINS[OPENAI].revision, {OPEN_CLIP: sha256(path)}))


def silent(*given):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_activation(*given, OPTION)


def test_the_table_knows_openais_weights_by_checksum_and_never_both_ways():
    known = gelu._published()
    assert any(each.tag == "openai" and each.quick and len(each.sha256) == 64 for each in known)
    assert any(each.tag == "laion400m_e31" and not each.quick and len(each.sha256) == 8 for each in known)
    for key in ("repository", "sha256"):
        kinds = {}
        for each in known:
            if value := getattr(each, key):
                kinds.setdefault(value, set()).add(each.quick)
        assert len(kinds) > 20 and all(len(both) == 1 for both in kinds.values()), key


def test_openais_weights_by_file_are_refused_without_quickgelu(weights, published_on_the_hub):
    published_on_the_hub(weights)
    with pytest.raises(UserError, match=r"holds openai's weights.*metrics\.clip\.model=ViT-B-32-quickgelu"):
        load_clip("ViT-B-32", str(weights), "cpu", option=OPTION, instead="-")
    silent("ViT-B-32-quickgelu", str(weights), None)


@pytest.mark.parametrize(
    ("model", "tag", "mend"),
    [
        ("ViT-B-32", "laion400m_e31", "ViT-B-32-quickgelu"),  # trained with it
        ("ViT-B-16-quickgelu", "laion400m_e31", "ViT-B-16"),  # trained without
    ],
)
def test_a_release_by_file_is_known_by_the_checksum_in_its_address(weights, monkeypatch, model, tag, mend):
    entry = open_clip.pretrained._PRETRAINED[model.removesuffix("-quickgelu")][tag]
    head, _, _ = entry["url"].rpartition("-")
    monkeypatch.setitem(entry, "url", f"{head}-{sha256(weights)[:8]}.pt")
    gelu._published.cache_clear()
    try:
        with pytest.raises(UserError, match=rf"holds {tag}'s weights.*Give metrics\.clip\.model={mend}\."):
            check_activation(model, str(weights), None, OPTION)
    finally:
        gelu._published.cache_clear()


def test_a_file_in_the_hubs_cache_is_known_by_its_place(weights, tmp_path):
    place = tmp_path / "models--apple--DFN2B-CLIP-ViT-B-16" / "snapshots" / "0" / OPEN_CLIP
    place.parent.mkdir(parents=True)
    weights.rename(place)
    with pytest.raises(UserError, match=r"dfn2b's weights.*ViT-B-16-quickgelu"):
        check_activation("ViT-B-16", str(place), None, OPTION)


@pytest.mark.parametrize(
    ("quick", "model", "mend"), [(True, "ViT-B-32", "-quickgelu"), (False, "ViT-B-32-quickgelu", "")]
)
def test_the_configuration_beside_a_file_counts(weights, quick, model, mend):
    file = weights.rename(weights.parent / OPEN_CLIP)
    say(file.parent, quick)
    with pytest.raises(UserError, match=rf"open_clip_config\.json beside it.*metrics\.clip\.model=ViT-B-32{mend}\."):
        check_activation(model, str(file), None, OPTION)
    say(file.parent, not quick)
    silent(model, str(file), None)


def test_a_file_of_which_nothing_is_known_is_warned_of_once(weights):
    with pytest.warns(UserWarning, match=r"cannot be told.*ViT-B-32 computes GELU.*model=ViT-B-32-quickgelu"):
        check_activation("ViT-B-32", str(weights), None, OPTION)
    silent("ViT-B-32", str(weights), None)


def test_a_published_name_is_a_hint(weights):
    file = weights.rename(weights.parent / "b32_400m.pt")
    with pytest.warns(UserWarning, match="the name is that of metaclip_400m's weights"):
        check_activation("ViT-B-32", str(file), None, OPTION)


def test_an_architecture_with_quickgelu_or_without_a_twin_is_taken_at_its_word(weights):
    silent("ViT-B-32-quickgelu", str(weights), None)
    silent("ViT-g-14", str(weights), None)


def test_a_folder_that_says_nothing_is_warned_of_and_one_that_says_so_is_not(clip_folder):
    with pytest.warns(UserWarning, match=r"open_clip_config\.json says nothing of it.*\"quick_gelu\": true"):
        load_clip(str(clip_folder), None, "cpu", option=OPTION, instead="-")
    for quick in (True, False):
        gelu._warned.clear()
        say(clip_folder, quick)
        silent(str(clip_folder), None, clip_folder)


@pytest.mark.parametrize("said", [None, False])
def test_a_folder_of_openais_weights_must_say_quickgelu(clip_folder, published_on_the_hub, said):
    published_on_the_hub(clip_folder / OPEN_CLIP)
    say(clip_folder, said)
    with pytest.raises(UserError, match=r"are openai's, which were trained with QuickGELU.*\"quick_gelu\": true"):
        load_clip(str(clip_folder), None, "cpu", option=OPTION, instead="-")
    say(clip_folder, True)
    silent(str(clip_folder), None, clip_folder)


def test_the_embedded_clip_is_ours_and_known():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_clip("picturebook:clip", None, "cpu", option=OPTION, instead="-")


def test_a_folder_in_place_of_a_file_is_told(clip_folder):
    with pytest.raises(UserError, match=r"is a folder\. Give it as metrics\.clip\.model"):
        load_clip("ViT-B-32", str(clip_folder), "cpu", option=OPTION, instead="-")
