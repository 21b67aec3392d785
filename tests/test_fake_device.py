"""Every method and metric on a GPU that is not there: whatever is left on the CPU fails here, as it would on a real one.

Torch's fake tensors have shape, type and device and no values. They refuse to mix devices as a GPU does. What a fake tensor
cannot do is stood in for: a scalar that is read is a plain number, an array that is read is zeros, and a gradient is zeros of
the weights that the loss depends on (backward passes are torch's own, and it has none without CUDA). On the way from the
device to numpy a tensor must come over the CPU, as in torch.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, ModelMixin, UNet2DConditionModel
from omegaconf import OmegaConf
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from transformers import (
    BitImageProcessorPil,
    CLIPTokenizer,
    Dinov2Config,
    Dinov2Model,
    PreTrainedModel,
    T5Config,
    T5EncoderModel,
)

from baselines.ddib import DDIB
from baselines.sdedit import SDEdit
from baselines.text2live import Text2Live
from eval.metrics import lpips_distance
from eval.metrics.base import Reference
from eval.metrics.clip_direction import ClipDirection
from eval.metrics.clip_image import ClipImageSimilarity
from eval.metrics.clip_score import ClipScore
from eval.metrics.dino import DinoSimilarity
from eval.metrics.judge import Judged
from eval.metrics.lpips_distance import LpipsDistance
from eval.metrics.pixels import Psnr, Ssim
from eval.metrics.truth import TowardsTruth
from imagic.editor import Imagic
from imagic.models.cascade import Cascade
from imagic.models.latent import LatentDiffusion
from imagic.models.upscaler import Upscaler
from imagic.models.weights import locate
from picturebook import judge
from tedbench.pair import EditPair, Entry

pytestmark = pytest.mark.skipif(
    not torch.backends.cuda.is_built() or torch.cuda.is_available(),
    reason="torch has no CUDA to stand in for, or a real one",
)
GPU = "cuda:0"
aten = torch.ops.aten


class Values(TorchDispatchMode):
    """What fake tensors are asked for and do not know: on the device finite and true, on the CPU by chance."""

    def __init__(self) -> None:
        super().__init__()
        self._chance = random.Random(0)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        first = args[0] if args else None
        if func in (aten._local_scalar_dense.default, aten.item.default, aten.is_nonzero.default):
            if not isinstance(first, FakeTensor):
                with _disable_current_modes():
                    return func(*args, **kwargs)
            return self._scalar(first)
        if func is aten.equal.default and any(isinstance(each, FakeTensor) for each in args):
            _ = args[0] == args[1]
            return True
        if func is aten.linalg_lstsq.default:
            return torch.zeros_like(args[1]), *(torch.empty(0) for _ in "abc")
        if func is aten.nonzero.default and isinstance(first, FakeTensor):  # one place
            return torch.zeros((1, first.ndim), dtype=torch.int64, device=first.device)
        if func in (aten.index.Tensor, aten.index_put.default, aten.index_put_.default):
            places = {i.device for i in pytree.tree_leaves(args[1]) if isinstance(i, torch.Tensor)}
            if places - {first.device, torch.device("cpu")}:  # which fake tensors would let pass
                raise RuntimeError(f"indices on {places} do not go with a tensor on {first.device}")
        made = func(*args, **kwargs)
        if func.overloadpacket in (aten.any, aten.all) and isinstance(made, FakeTensor):
            made.is_all = func.overloadpacket is aten.all  # all is well, and nothing else is
        return made

    def _scalar(self, tensor):
        if tensor.constant is not None:
            return tensor.constant.item()
        if hasattr(tensor, "is_all"):
            return tensor.is_all
        if tensor.dtype.is_floating_point:
            return self._chance.random() / 2 if tensor.device.type == "cpu" else 1.0
        if tensor.dtype is torch.bool:
            return tensor.device.type != "cpu" or self._chance.random() < 0.5
        return int(tensor.device.type == "cpu")


def leaves(node, seen) -> Iterator[torch.Tensor]:
    """Weights from which a node of autograd's graph was computed."""
    if node is None or node in seen:
        return
    seen.add(node)
    if hasattr(node, "variable"):
        yield node.variable
    for below, _ in node.next_functions:
        yield from leaves(below, seen)


def backward(self, *args, **kwargs):
    """Zeros as gradients of the weights that a loss depends on."""
    assert self.device.type == "cuda"
    for leaf in leaves(self.grad_fn, set()):
        assert leaf.device == self.device, f"a weight of {tuple(leaf.shape)} is on {leaf.device}"
        leaf.grad = torch.zeros_like(leaf)


def apply(self, fn, recurse=True):
    """``Module.to``, with new parameters: those that are there cannot become fake ones."""
    for child in self.children() if recurse else ():
        child._apply(fn)
    for name, value in self._parameters.items():
        if value is not None:
            with torch.no_grad():
                self._parameters[name] = nn.Parameter(fn(value), value.requires_grad)
    for name, value in self._buffers.items():
        if value is not None:
            self._buffers[name] = fn(value)
    return self


def real(function):
    """Has a function that reads a file see real tensors, as modules are first made on the CPU."""

    def call(*args, **kwargs):
        with _disable_current_modes():
            return function(*args, **kwargs)

    return call


READERS = (
    (PreTrainedModel, "from_pretrained"),
    (ModelMixin, "from_pretrained"),
    (open_clip, "create_model_from_pretrained"),
    (judge, "load_network"),
    (lpips_distance, "_own"),
)


def grad(output, inputs):
    """Zeros as gradients of tensors."""
    assert output.device.type == "cuda"
    return tuple(torch.zeros_like(each) for each in inputs)


@pytest.fixture
def gpu(monkeypatch):
    """Fake tensors for as long as a test takes."""
    for owner, name in READERS:
        found = owner.__dict__[name]
        monkeypatch.setattr(
            owner, name, classmethod(real(found.__func__)) if isinstance(found, classmethod) else real(found)
        )
    as_array = torch.Tensor.numpy
    kinds = {
        kind: torch.empty(0, dtype=kind).numpy().dtype
        for kind in (torch.uint8, torch.float32, torch.float64, torch.int64)
    }

    def to_numpy(self, *, force=False):
        if not isinstance(self, FakeTensor):
            return as_array(self, force=force)
        if self.device.type != "cpu":
            raise TypeError(f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() first.")
        return np.zeros(tuple(self.shape), kinds[self.dtype])

    monkeypatch.setattr(torch.Tensor, "numpy", to_numpy)
    monkeypatch.setattr(torch.Tensor, "backward", backward)
    monkeypatch.setattr(torch.autograd, "grad", grad)
    monkeypatch.setattr(nn.Module, "_apply", apply)
    with FakeTensorMode(allow_non_fake_inputs=True), Values():
        yield GPU


STAGE = {"steps": 1, "lr": 1e-2, "draws": 2}
FINETUNE = {**STAGE, "decay": 0.5, "empty": 0.5}
SAMPLING = {"steps": 2, "guidance": 3.0}
UPSCALING = {"steps": 1, "guidance": 2.0, "noise_level": 50}


@pytest.fixture
def pair(noise_image):
    """A pair with every text that a method asks for."""
    entry = Entry("a.png", "A sitting dog.", source_text="A dog.", source_object="dog", target_object="sitting dog")
    return lambda size=16: EditPair(entry, noise_image(size=size))


@pytest.fixture
def model(tiny_model, gpu):
    return tiny_model(device=gpu)


def narrow_unet(side, channels, **more):
    """A network as DeepFloyd-IF has them, with few channels."""
    return UNet2DConditionModel(
        sample_size=side,
        in_channels=channels,
        out_channels=6,
        block_out_channels=(8,),
        layers_per_block=1,
        down_block_types=("SimpleCrossAttnDownBlock2D",),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=("SimpleCrossAttnUpBlock2D",),
        cross_attention_dim=16,
        encoder_hid_dim=16,
        attention_head_dim=4,
        norm_num_groups=4,
        **more,
    )


def imagic(model, **changes):
    return Imagic(
        model, **{"embedding": STAGE, "finetune": FINETUNE, "sampling": SAMPLING, "sample_batch": 2, **changes}
    )


def run(editor, pair, requests):
    """Fits and samples; gives the shapes of the images."""
    with editor.fit(pair) as edit:
        return [sample.image.shape for sample in edit.sample(requests)]


def test_imagic_in_all_three_stages(model, pair):
    assert run(imagic(model), pair(), [(0.0, 0), (0.5, 1), (1.0, 1)]) == [(16, 16, 3)] * 3


@pytest.mark.parametrize(
    ("prediction", "changes"),
    [
        ("v_prediction", {"variant": {"e_opt": "source", "latents": "sample"}}),
        ("epsilon", {"variant": {"finetune": "none", "sampler": "dpm_solver"}}),
        ("epsilon", {"variant": {"finetune": "lora", "lora_rank": 2}, "fit_group": 2}),
    ],
)
def test_imagics_variants(gpu, tiny_model, pair, prediction, changes):
    assert run(imagic(tiny_model(prediction, device=gpu), **changes), pair(), [(0.5, 0)]) == [(16, 16, 3)]


def test_imagic_on_a_cascade(gpu, pair):
    """So it goes with the other methods: what is made of a small picture is the model's own."""
    computing = {"device": gpu, "dtype": "float32"}
    tokenizer = CLIPTokenizer.from_pretrained(locate("picturebook:diffusion") / "tokenizer")
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    texts = T5EncoderModel(T5Config(vocab_size=len(tokenizer), is_encoder_decoder=False, **sizes))
    schedule = DDIMScheduler(beta_schedule="squaredcos_cap_v2", thresholding=True)
    noised = narrow_unet(16, 6, class_embed_type="timestep")
    upscaler = Upscaler(noised, schedule, DDPMScheduler(), small=8, **UPSCALING, name="narrow", **computing)
    cascade = Cascade(texts, tokenizer, narrow_unet(8, 3), schedule, upscaler, **computing)
    assert run(imagic(cascade, upscaler=STAGE), pair(), [(0.5, 0)]) == [(16, 16, 3)]


@pytest.mark.parametrize("stochasticity", [0.0, 1.0])
def test_sdedit(model, pair, stochasticity):
    editor = SDEdit(model, sampling=SAMPLING, stochasticity=stochasticity, sample_batch=3)
    assert run(editor, pair(), [(0.4, 0), (0.7, 1), (1.0, 0)]) == [(16, 16, 3)] * 3


def test_ddib(model, pair):
    assert run(DDIB(model, sampling={"steps": 2}), pair(), [(1.0, 0), (3.0, 0)]) == [(16, 16, 3)] * 2


def test_text2live(gpu, pair):
    recipe = Path(__file__).parents[1] / "conf" / "recipe" / "text2live" / "picturebook.yaml"
    blocks = OmegaConf.to_container(OmegaConf.load(recipe))
    blocks |= {
        "generator": {"scales": 2, "width": 8, "skip": 4},
        "bootstrap": {"steps": 2, "weight": 10.0, "blocks": 1},
    }
    blocks["optimisation"]["steps"], blocks["views"]["count"] = 1, 2
    editor = Text2Live(**blocks, device=gpu)
    assert run(editor, pair(64), [(0.0, 0), (1.0, 0)]) == [(64, 64, 3)] * 2


METRICS = {
    "clip": lambda gpu: ClipScore("picturebook:clip", device=gpu, batch=2),
    "clip_direction": lambda gpu: ClipDirection("picturebook:clip", device=gpu, batch=2),
    "clip_image": lambda gpu: ClipImageSimilarity("picturebook:clip", device=gpu, batch=2),
    "lpips": lambda gpu: LpipsDistance("alex", 64, "picturebook:perceptual/alex.safetensors", device=gpu, batch=2),
    "psnr": lambda gpu: Psnr(device=gpu, batch=2),
    "ssim": lambda gpu: Ssim(device=gpu, batch=2),
    "judge": lambda gpu: Judged(device=gpu),
    "truth": lambda gpu: TowardsTruth({"_target_": "eval.metrics.pixels.Psnr"}, device=gpu),
}


@pytest.mark.parametrize("name", METRICS)
def test_metrics(gpu, noise_image, name):
    """To the last array that comes from the device, and what is made of it."""
    images = np.stack([noise_image(seed, 64) for seed in range(5)])
    reference = Reference(noise_image(9, 64), "A sitting dog.", "A dog.", noise_image(8, 64))
    assert METRICS[name](gpu).score(reference, images).shape == (5,)


def test_dino(gpu, noise_image, tmp_path):
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 28, "patch_size": 14}
    with _disable_current_modes():
        Dinov2Model(Dinov2Config(**sizes)).save_pretrained(tmp_path)
    BitImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 28, "width": 28}).save_pretrained(tmp_path)
    images = np.stack([noise_image(seed, 32) for seed in range(3)])
    assert DinoSimilarity(str(tmp_path), device=gpu, batch=2).score(Reference(images[0], ""), images).shape == (3,)


def left_on_the_cpu(monkeypatch, owner, name, change):
    """Has a function of the project give what it gives, changed."""
    right = getattr(owner, name)
    monkeypatch.setattr(owner, name, lambda *args, **kwargs: change(right(*args, **kwargs)))


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (LatentDiffusion, "encode_image"),
        (LatentDiffusion, "encode_text"),
        (LatentDiffusion, "predict"),
    ],
)
def test_a_tensor_that_is_left_on_the_cpu_is_found(model, pair, monkeypatch, owner, name):
    left_on_the_cpu(monkeypatch, owner, name, lambda made: made.to("cpu"))
    with pytest.raises(RuntimeError, match=r"(same|different|two) devices?|at least two devices|cuda:0"):
        run(imagic(model), pair(), [(0.5, 0)])


def test_an_array_is_not_read_off_the_device(gpu):
    with pytest.raises(TypeError, match=r"Use Tensor\.cpu\(\) first"):
        torch.zeros(3, device=gpu).numpy()
    with pytest.raises(RuntimeError, match="indices on"):
        _ = torch.zeros(3)[torch.zeros(2, dtype=torch.int64, device=gpu)]
