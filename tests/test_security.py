"""What came from elsewhere runs nothing here, and nothing of this machine's secrets is written down."""

from __future__ import annotations

import hashlib
import os
import shutil
import warnings
from pathlib import Path

import pytest
import torch

from cli.command import compose
from cli.help import ROOT, choices
from eval.metrics.base import Metric
from eval.metrics.pixels import Psnr
from eval.runs.provenance import provenance, without_secrets
from imagic.models import weights
from imagic.models.pins import PINS, Pin
from tedbench.build import build
from tedbench.errors import UserError
from tedbench.pair import Entry


@pytest.mark.parametrize(
    "target", ["os.system", "subprocess.Popen", "eval.runs.folder.Run", "builtins.eval", "nowhere.At"]
)
def test_only_what_is_asked_for_is_built(target):
    with pytest.raises(UserError, match=r"is no Metric|cannot be loaded"):
        build({"_target_": target, "args": "true"}, Metric)


def test_classes_and_their_own_constructors_are_built():
    assert isinstance(build({"_target_": "eval.metrics.pixels.Psnr"}, Metric), Psnr)


def test_a_class_that_is_not_found_says_where_its_file_is_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=rf"nowhere.py is neither in {tmp_path}, where the command is called"):
        build({"_target_": "nowhere.At"}, Metric)
    for target in ("", ".", "eval.nothing.Psnr"):
        with pytest.raises(UserError, match=r"cannot be loaded .* Check its name"):
            build({"_target_": target}, Metric)


class Evil:
    def __reduce__(self):
        return (os.mkdir, ("executed",))


def test_pickles_of_imagenet_run_no_code(imagenet_home, monkeypatch, tmp_path):
    from eval.metrics.lpips_distance import LpipsDistance

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", str(imagenet_home))
    monkeypatch.delenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", raising=False)
    with pytest.raises(UserError, match="holds more than weights"):
        LpipsDistance("squeeze")
    assert not (tmp_path / "executed").exists()
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ  # what others load in this process is their affair


@pytest.fixture
def imagenet_home(tmp_path) -> Path:
    """A torch home where somebody left a program in the place of a backbone."""
    from torchvision.models import SqueezeNet1_1_Weights

    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save({"features": Evil()}, folder / Path(SqueezeNet1_1_Weights.IMAGENET1K_V1.url).name)
    return tmp_path / "torch"


def test_every_hub_repository_that_the_configuration_names_is_pinned():
    named = {
        value
        for name in choices("model")
        for key, value in compose("run", [f"model={name}"]).model.items()
        if key.endswith("path") and value and not str(value).startswith((weights.EMBEDDED, "./"))
    }
    named |= {compose("run", ["metrics=full", "method=precomputed"]).metrics.dino.model}
    assert named <= PINS.keys() and len(named) >= 6
    assert all(len(pin.revision) == 40 and all(len(s) == 64 for s in pin.sha256.values()) for pin in PINS.values())
    assert (ROOT / "model").is_dir()


def test_the_clip_weights_of_the_standard_metrics_are_pinned():
    import open_clip

    for block in compose("run", ["metrics=standard", "method=precomputed"]).metrics.values():
        if "pretrained" in block:
            repository = open_clip.get_pretrained_cfg(block.model, block.pretrained)["hf_hub"].rstrip("/")
            assert PINS[repository].sha256


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub's cache that has ``own/model`` at two commits, offline."""
    commits = ("a" * 40, "b" * 40)
    folder = tmp_path / "hub" / "models--own--model"
    for commit in commits:
        unet = folder / "snapshots" / commit / "unet"
        unet.mkdir(parents=True)
        (unet / "diffusion_pytorch_model.safetensors").write_bytes(commit.encode())
        (unet.parent / "model_index.json").write_text("{}")
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(commits[1])
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub._snapshot_download.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("IMAGIC_BENCH_CACHE", str(tmp_path / "cache"))
    return commits


UNET = "unet/diffusion_pytorch_model.safetensors"


def test_a_pinned_repository_is_taken_at_its_commit_and_checked(hub, monkeypatch):
    first, _ = hub
    right = hashlib.sha256(first.encode()).hexdigest()
    monkeypatch.setitem(PINS, "own/model", Pin(first, {UNET: right}))
    folder = weights.locate("own/model")
    assert folder.name == first
    (folder / UNET).write_bytes(b"changed on its way")
    with pytest.raises(UserError, match="is not what own/model published"):
        weights.locate("own/model")


def test_a_repository_that_is_not_pinned_says_at_which_commit_it_was_taken(hub):
    with pytest.warns(UserWarning, match=f"model.revision={hub[1]}"):
        assert weights.locate("own/model").name == hub[1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert weights.locate("own/model", hub[0]).name == hub[0]


def test_provenance_has_weights_and_pairs_and_no_secret(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefghijklmnop")
    monkeypatch.setattr(
        "sys.argv", ["/home/me/eval/run.py", "dataset.url=https://me:pass@host/x", "token=hf_abcdefghijklmnop"]
    )
    snapshot = tmp_path / "snapshots" / ("c" * 40)
    shutil.copytree(weights.locate("picturebook:diffusion"), snapshot)
    made_with = provenance("cpu", 1, {"path": snapshot}, [Entry("a.png", "A dog.")])
    assert made_with["weights"]["path"]["revision"] == "c" * 40
    assert made_with["weights"]["path"]["sha256"] == weights.digest(snapshot)
    assert made_with["pairs"]["count"] == 1 and made_with["packages"]["torch"]
    assert "abcdefgh" not in str(made_with) and "pass" not in str(made_with["command"])
    assert made_with["command"][0] == "run.py"


@pytest.mark.parametrize("harmless", ["model.path=/data/hf_models", "run_dir=a@b", "https://host/x@y"])
def test_what_is_no_secret_stays(harmless):
    assert without_secrets(harmless) == harmless
