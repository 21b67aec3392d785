"""Small real parts that many tests share."""

from __future__ import annotations

import atexit
import gc
import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from runtime.threads import usable_cores, wait_passively
from tests.composing import compose_once

os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Read when torch is loaded, which happens below this line: the models are tiny, and pytest-xdist has a worker on each core.
os.environ.setdefault("OMP_NUM_THREADS", "1")
wait_passively()

COUNT_FROZEN = gc.get_freeze_count
MOST_WORKERS = 8
"""Of ``-n auto``: each worker holds torch and a few small models, some 1.5 GB."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """``-n auto``: the cores that this process may use, not those that the machine has."""
    return min(usable_cores(), MOST_WORKERS)


def pytest_collection_finish() -> None:
    """Collections of garbage pass over the modules, as they do in a run: each run would see to it again, for a second.

    Python counts what is frozen by walking over it, a twentieth of a second that every run in a test would take.
    """
    gc.collect()
    gc.freeze()
    frozen = gc.get_freeze_count()
    gc.get_freeze_count = lambda: frozen


def pytest_sessionfinish() -> None:
    """What tests have loaded is frozen as well: pytest collects garbage five times more, each time over all of it."""
    gc.get_freeze_count = COUNT_FROZEN
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)  # libraries complain of what is left when Python ends


def pytest_runtest_setup() -> None:
    """Every test begins with one thread, whatever a command in this process has set, and with fonts that are quick to write.

    A PDF with its letters as drawings takes a tenth of a second, one with a font of them half a second more.
    """
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
    if style := sys.modules.get("eval.present.figures.style"):
        style.plt.rcParams["pdf.fonttype"] = 3


@pytest.fixture(scope="session", autouse=True)
def composed_once() -> Iterator[None]:
    """:func:`tests.composing.compose_once`: a command's configuration takes a quarter of the time."""
    with pytest.MonkeyPatch.context() as patch:
        compose_once(patch)
        yield


@pytest.fixture(scope="session", autouse=True)
def unsynced() -> Iterator[None]:
    """Files of this process are not waited for until they are on the disk, which only a machine that loses power could show.

    A process that is killed leaves to the system what it has written. Tests that kill one start it themselves, and there
    files are synced.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="module")
def blank_figures() -> Iterator[None]:
    """For tests to which figures are by-products: files of one white pixel, and PDFs of a heading, in a thousandth of the time."""
    from matplotlib.figure import Figure

    from tests.blank import write_blank

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", write_blank)
        yield


@pytest.fixture
def drawn_figures(monkeypatch) -> None:
    """Figures as users get them, in a module of ``blank_figures``."""
    from matplotlib.figure import Figure

    from tests.blank import SAVEFIG

    monkeypatch.setattr(Figure, "savefig", SAVEFIG)


class Done(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(scope="session")
def call_main() -> Callable[..., Done]:
    """Calls the main function of a command with arguments, in a folder: saves the seconds of importing torch anew."""

    def call(main: Callable[[], None], *arguments: str, cwd: Path | str = ".") -> Done:
        out, err, status = io.StringIO(), io.StringIO(), 0
        with chdir(cwd), redirect_stdout(out), redirect_stderr(err), pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", [main.__module__, *arguments])
            try:
                main()
            except SystemExit as end:
                status = end.code or 0
        return Done(status, out.getvalue(), err.getvalue())

    return call


@pytest.fixture(scope="session")
def command(call_main) -> Callable[..., Done]:
    """``python -m MODULE ARGUMENT …`` in this process."""
    return lambda module, *arguments, cwd=".": call_main(import_module(module).main, *arguments, cwd=cwd)


class Job:
    """The pairs of a run under an editor that is built already."""

    def __init__(self, run, dataset, editor, requests, executor=None, reporter=None, **context):
        from rich.console import Console

        from eval.engine.context import EditContext
        from eval.engine.inline import Inline
        from eval.engine.placement import Placement
        from eval.engine.plan import Wanted
        from eval.engine.progress import Reporter

        self.run, self.editor, self.executor = run, editor, executor or Inline()
        self.reporter = reporter or Reporter(Console(quiet=True))
        given = {"placement": Placement("cpu", 1), "settings": {}} | context
        wanted = Wanted(dataset, described(editor), requests, given.pop("retry_failed", False))
        self.context = EditContext(run, wanted, lambda: editor, self.reporter, **given)

    def execute(self) -> None:
        from eval.engine.setup import make_images

        make_images(self.context, self.executor)

    def todo(self) -> list:
        from eval.engine.plan import examine, plan

        return plan(examine(self.run, self.context.wanted))


def described(editor: object) -> object:
    """The description of an editor that was built by hand."""
    from tedbench.method import Description

    facts = {name: getattr(editor, name) for name in ("needs", "group", "files") if hasattr(editor, name)}
    return Description(type(editor).__name__, editor.axis, editor.randomness, **facts)


@pytest.fixture(scope="session")
def describe() -> Callable[..., object]:
    """:func:`described`."""
    return described


@pytest.fixture(scope="session")
def make_job() -> type[Job]:
    """:class:`Job`."""
    return Job


@pytest.fixture(scope="session")
def shards() -> Callable[[Path], dict[str, bytes]]:
    """Every file of a run's shards, by name."""

    def read(run: Path) -> dict[str, bytes]:
        files = [path for path in (run / "pairs").rglob("*") if path.is_file()]
        return {str(path.relative_to(run)): path.read_bytes() for path in sorted(files)}

    return read


@pytest.fixture(scope="session")
def tiny_model() -> Callable[..., object]:
    """Makes LatentDiffusion models with random weights: 16² pictures, 8² latents, about 60 thousand parameters."""

    def make(prediction_type: str = "epsilon", **settings: object) -> object:
        import torch

        from imagic.models.latent import LatentDiffusion

        torch.manual_seed(0)
        return LatentDiffusion(*tiny_parts(prediction_type), name="tiny", **settings)

    return make


@pytest.fixture(scope="session")
def tiny_instruct() -> Callable[..., object]:
    """Makes InstructPix2PixModels with random weights: 16² pictures, 8² latents."""

    def make(**settings: object) -> object:
        import torch
        from diffusers import UNet2DConditionModel

        from imagic.models.instruct import InstructPix2PixModel

        torch.manual_seed(0)
        encoder, tokenizer, vae, unet, scheduler = tiny_parts()
        config = {name: value for name, value in unet.config.items() if not name.startswith("_")}
        wide = UNet2DConditionModel(**config | {"in_channels": 8})
        return InstructPix2PixModel(encoder, tokenizer, vae, wide, scheduler, name="tiny", **settings)

    return make


@pytest.fixture(scope="session")
def tiny_pipeline(tiny_instruct) -> Callable[..., object]:
    """Makes EditingPipelines of diffusers' InstructPix2Pix with random weights: 16² pictures."""

    def make(**settings: object) -> object:
        from diffusers import StableDiffusionInstructPix2PixPipeline

        from imagic.models.editing_pipeline import EditingPipeline

        model = tiny_instruct()
        pipeline = StableDiffusionInstructPix2PixPipeline(
            vae=model.vae,
            text_encoder=model.text_encoder,
            tokenizer=model.tokenizer,
            unet=model.network,
            scheduler=model.process.scheduler,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        arguments = {"image": "image", "wrap": "none", "text": "prompt", "size": []}
        arguments |= {"template": "{text}", "invert": False}
        return EditingPipeline(pipeline, arguments=arguments, image_size=16, name="tiny", **settings)

    return make


@pytest.fixture(scope="session")
def tiny_flow() -> Callable[..., object]:
    """Makes StableDiffusion3 models with random weights and without T5: 16² pictures, 8² latents."""

    def make(**settings: object) -> object:
        import torch
        from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel
        from transformers import CLIPTextModelWithProjection

        from imagic.models.sd3 import StableDiffusion3

        torch.manual_seed(0)
        _, tokenizer, vae, *_ = tiny_parts()
        encoders = [CLIPTextModelWithProjection(tiny_text_config(tokenizer)) for _ in range(2)]
        network = SD3Transformer2DModel(
            sample_size=8,
            patch_size=2,
            in_channels=4,
            out_channels=4,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=2,
            joint_attention_dim=32,
            caption_projection_dim=16,
            pooled_projection_dim=2 * encoders[0].config.projection_dim,
            pos_embed_max_size=4,
        )
        pairs = [part for encoder in encoders for part in (encoder, tokenizer)]
        scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
        return StableDiffusion3(*pairs, None, None, vae, network, scheduler, t5_tokens=0, name="tiny", **settings)

    return make


@pytest.fixture(scope="session")
def tiny_folder(tiny_model, tmp_path_factory) -> Path:
    """A Stable Diffusion folder that holds the tiny model: model.path=… model.image_size=16."""
    folder, model = tmp_path_factory.mktemp("tiny") / "model", tiny_model()
    for name in ("text_encoder", "tokenizer", "vae"):
        getattr(model, name).save_pretrained(folder / name)
    model.process.scheduler.save_pretrained(folder / "scheduler")
    model.network.save_pretrained(folder / "unet")
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    return folder


def tiny_parts(prediction_type: str = "epsilon") -> tuple:
    """Text encoder, tokenizer, autoencoder, UNet and scheduler of a tiny Stable Diffusion."""
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    from imagic.models.weights import locate

    tokenizer = CLIPTokenizer.from_pretrained(locate("picturebook:diffusion") / "tokenizer")
    text_encoder = CLIPTextModel(tiny_text_config(tokenizer))
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 8),
        norm_num_groups=4,
        sample_size=16,
        scaling_factor=0.7,
    )
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=2,
        norm_num_groups=4,
    )
    scheduler = DDIMScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        clip_sample=False,
        steps_offset=1,
        prediction_type=prediction_type,
    )
    return text_encoder, tokenizer, vae, unet, scheduler


def tiny_text_config(tokenizer: object, **changes: int) -> object:
    """Of a CLIP text encoder with one layer of 16 channels."""
    from transformers import CLIPTextConfig

    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    tokens = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    length = {"vocab_size": len(tokenizer), "max_position_embeddings": tokenizer.model_max_length}
    return CLIPTextConfig(**{**sizes, **tokens, **length, **changes})


@pytest.fixture(scope="session")
def text_config() -> Callable[..., object]:
    """:func:`tiny_text_config`, for the tests of other formats."""
    return tiny_text_config


@pytest.fixture(scope="session")
def noise_image() -> Callable[..., np.ndarray]:
    """(size, size, 3) uint8 pictures of smooth noise."""

    def make(seed: int = 0, size: int = 16) -> np.ndarray:
        coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        return np.kron(coarse, np.ones((size // 4, size // 4, 1), dtype=np.uint8))

    return make


@pytest.fixture(scope="session")
def random_clip(tmp_path_factory) -> str:
    """A CLIP with random weights in a folder that open_clip loads: a ViT of 3 blocks on 32² pictures in patches of 8, with Picturebook's tokenizer."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    from imagic.models.weights import locate

    folder, source = tmp_path_factory.mktemp("clips") / "tiny", locate("picturebook:clip")
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    config = json.loads((folder / "open_clip_config.json").read_text())
    model = config["model_cfg"]
    model["embed_dim"], model["quick_gelu"] = 16, False
    model["vision_cfg"] |= {"image_size": 32, "patch_size": 8, "layers": 3, "width": 16, "head_width": 8}
    model["text_cfg"] |= {"width": 16, "heads": 2, "layers": 1}
    config["preprocess_cfg"] |= {"size": [32, 32], "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4]}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = open_clip.CLIP(16, model["vision_cfg"], model["text_cfg"])
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, folder / "open_clip_model.safetensors")
    return str(folder)


@pytest.fixture(scope="session")
def random_judge(tmp_path_factory) -> str:
    """A file with a judge's random weights, to which every picture is one of its world."""
    import torch
    from safetensors.torch import save_file

    from picturebook.judge import JudgeNetwork

    torch.manual_seed(0)
    network = JudgeNetwork()
    with torch.no_grad():
        network.real.bias.fill_(100)
        for head in network.heads.values():
            head.weight.mul_(50)
    path = tmp_path_factory.mktemp("judge") / "random.safetensors"
    save_file(network.state_dict(), path)
    return str(path)


@pytest.fixture(scope="module")
def browser():
    """The machine's own Chromium, driven by Playwright, whose event loop runs as long as the module's tests."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs pip install -e '.[test]'")
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip(f"needs a browser: none of {', '.join(names)} is installed")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()
