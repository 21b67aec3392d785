"""Pipeline folders as public reports tell of them: without a tokenizer's length, in half precision, of another kind."""

from __future__ import annotations

import json
import shutil
import warnings

import pytest
import torch
from safetensors.torch import load_file, save_file

from imagic.models.cascade import Cascade
from imagic.models.latent import LatentDiffusion
from imagic.models.weights import digest, locate
from tedbench.errors import UserError

LONG = "A bird on the beach and " * 30


def edit_json(path, **changes):
    """Changes keys of a JSON file; None takes a key away."""
    found = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in found.items() if value is not None}))


def halve(part, name="{stem}.fp16.safetensors", dtype=torch.float16):
    """Puts a part's weights in half precision under a name of their own in place of the others."""
    (whole,) = part.glob("*.safetensors")
    weights = {key: value.to(dtype) if value.is_floating_point() else value for key, value in load_file(whole).items()}
    save_file(weights, part / name.format(stem=whole.stem), metadata={"format": "pt"})
    whole.unlink()


def shard(part, index, names):
    """Puts a part's weights into two files of these names and an index."""
    (whole,) = part.glob("*.safetensors")
    weights, where = load_file(whole), {}
    keys = sorted(weights)
    for name, of in zip(names, (keys[::2], keys[1::2]), strict=True):
        save_file({key: weights[key].half() for key in of}, part / name, metadata={"format": "pt"})
        where |= dict.fromkeys(of, name)
    (part / index).write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": where}))
    whole.unlink()


@pytest.fixture
def copy(tiny_folder, tmp_path):
    return shutil.copytree(tiny_folder, tmp_path / "copy")


@pytest.fixture
def base(tmp_path):
    """A copy of the embedded cascade's base model."""
    return shutil.copytree(locate("picturebook:cascade/base"), tmp_path / "base")


def load_cascade(base, upscaler="picturebook:cascade/upscaler"):
    return Cascade.load(str(base), str(upscaler), upscaling={"steps": 2, "guidance": 1.0, "noise_level": 5})


@pytest.mark.parametrize("length", [None, int(1e30), 512])
def test_a_tokenizer_without_its_length_takes_what_the_encoder_reads(tiny_folder, copy, length):
    whole = LatentDiffusion.load(str(tiny_folder))
    edit_json(copy / "tokenizer" / "tokenizer_config.json", model_max_length=length)
    model = LatentDiffusion.load(str(copy))
    assert torch.equal(model.encode_text(["A dog.", ""]).tokens, whole.encode_text(["A dog.", ""]).tokens)
    with pytest.warns(UserWarning, match="reads 48 tokens; the end of this text is cut off"):
        assert model.encode_text([LONG]).tokens.shape == (1, 48, 16)


def test_a_tokenizer_that_is_shorter_than_its_encoder_stays_so(copy):
    edit_json(copy / "tokenizer" / "tokenizer_config.json", model_max_length=20)
    assert LatentDiffusion.load(str(copy)).encode_text(["A dog."]).tokens.shape == (1, 20, 16)


@pytest.mark.parametrize(
    ("parts", "variant", "dtype"),
    [
        (("unet",), "fp16", torch.float16),
        (("unet", "vae", "text_encoder"), "fp16", torch.float16),
        (("text_encoder",), "bf16", torch.bfloat16),
    ],
)
def test_weights_in_half_precision_alone_are_loaded_and_said(copy, parts, variant, dtype):
    before = digest(copy)
    for part in parts:
        halve(copy / part, f"{{stem}}.{variant}.safetensors", dtype)
    with pytest.warns(UserWarning, match=f"only {variant} weights of its "):
        model = LatentDiffusion.load(str(copy))
    for part, module in (("unet", model.network), ("vae", model.vae), ("text_encoder", model.text_encoder)):
        (file,) = (copy / part).glob("*.safetensors")
        stored = load_file(file)
        for name, value in module.state_dict().items():
            assert value.dtype == torch.float32
            assert torch.equal(value, stored[name if name in stored else f"text_model.{name}"].float()), (part, name)
    assert digest(copy) != before


def test_half_precision_beside_whole_weights_is_left_alone(copy):
    before = digest(copy)
    for name in ("diffusion_pytorch_model.fp16.safetensors", "diffusion_pytorch_model.non_ema.safetensors"):
        (copy / "unet" / name).write_bytes(b"never read")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LatentDiffusion.load(str(copy))
    assert digest(copy) == before


@pytest.mark.parametrize(
    ("part", "index", "names"),
    [
        (
            "unet",
            "diffusion_pytorch_model.safetensors.index.fp16.json",
            [f"diffusion_pytorch_model.fp16-0000{k}-of-00002.safetensors" for k in (1, 2)],
        ),
        (
            "unet",
            "diffusion_pytorch_model.safetensors.index.fp16.json",
            [f"diffusion_pytorch_model-0000{k}-of-00002.fp16.safetensors" for k in (1, 2)],
        ),
        (
            "text_encoder",
            "model.safetensors.index.fp16.json",
            [f"model.fp16-0000{k}-of-00002.safetensors" for k in (1, 2)],
        ),
    ],
)
def test_shards_in_half_precision_are_loaded(copy, part, index, names):
    before = digest(copy)
    shard(copy / part, index, names)
    with pytest.warns(UserWarning, match=f"only fp16 weights of its {part}"):
        LatentDiffusion.load(str(copy))
    one = digest(copy)
    (copy / part / names[1]).write_bytes(b"other")
    assert len({before, one, digest(copy)}) == 3


def test_half_precision_of_a_hub_name_is_found_in_its_cache(copy, tmp_path, monkeypatch):
    from huggingface_hub import constants

    halve(copy / "unet")
    commit, repository = "a" * 40, tmp_path / "hub" / "models--somebody--halved"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    shutil.copytree(copy, repository / "snapshots" / commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub._snapshot_download.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.warns(UserWarning, match="only fp16 weights of its unet"):
        model = LatentDiffusion.load("somebody/halved", revision=commit)
    assert model.latent_shape == (4, 8, 8)


def test_a_hub_that_has_half_precision_alone_is_asked_for_it(copy, tmp_path, monkeypatch):
    """A hub of a folder: what snapshot_download is asked for is copied, and nothing else."""
    import huggingface_hub

    halve(copy / "unet")
    snapshot = tmp_path / "snapshots" / ("b" * 40)

    def download(name, revision=None, allow_patterns=()):
        for pattern in allow_patterns:
            for path in copy.glob(pattern):
                target = snapshot / path.relative_to(copy)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)
        return str(snapshot)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert locate("somebody/halved", "main") == snapshot
    files = {path.relative_to(snapshot).as_posix() for path in snapshot.rglob("*.safetensors")}
    assert files == {
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
    }


def test_a_cascade_in_half_precision_alone_is_loaded(base):
    whole = load_cascade(base)
    for part in ("unet", "text_encoder"):
        halve(base / part)
    with pytest.warns(UserWarning, match="only fp16 weights of its text_encoder, unet"):
        halved = load_cascade(base)
    pairs = zip(halved.network.state_dict().values(), whole.network.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)  # the embedded weights are in half precision already


@pytest.mark.parametrize(
    ("channels", "kind"),
    [(9, "inpainting"), (8, "InstructPix2Pix"), (5, "depth"), (7, "upscaler")],
)
def test_a_network_that_sees_more_than_the_noised_picture_is_refused_in_a_line(copy, channels, kind):
    edit_json(copy / "unet" / "config.json", in_channels=channels)
    with pytest.raises(UserError, match=rf"takes {channels} channels .*autoencoder has 4 .*{kind}.*model=sd15") as told:
        LatentDiffusion.load(str(copy))
    assert "\n" not in str(told.value)


def test_a_network_that_gives_other_channels_is_refused(copy):
    edit_json(copy / "unet" / "config.json", out_channels=8)
    with pytest.raises(UserError, match=r"gives 8"):
        LatentDiffusion.load(str(copy))


def test_stages_of_a_cascade_that_are_swapped_for_others_are_refused(base):
    edit_json(base / "unet" / "config.json", in_channels=6)
    with pytest.raises(UserError, match=r"takes 6 channels .*IF's first stage"):
        load_cascade(base)


@pytest.mark.parametrize("kind", ["StableDiffusion3Pipeline", "StableDiffusion3Img2ImgPipeline"])
def test_transformers_are_not_taken_for_networks_of_stable_diffusion(copy, kind):
    edit_json(copy / "model_index.json", _class_name=kind)
    with pytest.raises(UserError, match=kind):
        LatentDiffusion.load(str(copy))


def test_a_refiner_without_a_first_text_encoder_is_told(copy):
    edit_json(copy / "model_index.json", text_encoder=[None, None])
    with pytest.raises(UserError, match=r"without a text_encoder, as refiners are"):
        LatentDiffusion.load(str(copy))
