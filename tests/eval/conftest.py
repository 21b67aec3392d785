"""Networks with random weights in the formats that real ones come in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch


@pytest.fixture(scope="session")
def pictures() -> Callable[..., np.ndarray]:
    """(count, height, width, 3) uint8 pictures with shapes in them, edges and all."""

    def make(count: int, height: int, width: int | None = None, seed: int = 0) -> np.ndarray:
        width = width or height
        rng = np.random.default_rng(seed)
        images = np.empty((count, height, width, 3), np.uint8)
        for image in images:
            image[:] = rng.integers(0, 256, 3)
            for _ in range(6):
                top, left = rng.integers(0, height), rng.integers(0, width)
                high, wide = rng.integers(1, height + 1), rng.integers(1, width + 1)
                image[top : top + high, left : left + wide] = rng.integers(0, 256, 3)
            image[::3] //= 2  # stripes, which a resize without antialiasing gets wrong
        return images

    return make


@pytest.fixture(scope="session")
def save_clip(tmp_path_factory) -> Callable[..., Path]:
    """Saves a small CLIP at 224², with OpenAI's tokenizer, as an open_clip folder."""

    def make(quick_gelu: bool = True) -> Path:
        import open_clip
        from safetensors.torch import save_file

        folder = tmp_path_factory.mktemp("clip")
        config = {
            "embed_dim": 32,
            "quick_gelu": quick_gelu,
            "vision_cfg": {"image_size": 224, "patch_size": 32, "width": 64, "head_width": 32, "layers": 2},
            "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2},
        }
        settings = {"model_cfg": config, "preprocess_cfg": {}}
        (folder / "open_clip_config.json").write_text(json.dumps(settings))
        torch.manual_seed(0)
        network = open_clip.CLIP(**{**config, "vision_cfg": dict(config["vision_cfg"])})
        with torch.no_grad():
            for name, value in network.named_parameters():
                if value.ndim > 1 and "embedding" not in name:
                    value.mul_(3)  # so that different images and texts have clearly different features
        save_file(network.state_dict(), folder / "open_clip_model.safetensors")
        return folder

    return make


@pytest.fixture(scope="session")
def clip_folder(save_clip) -> Path:
    """A small CLIP with QuickGELU, as OpenAI's have it."""
    return save_clip()


@pytest.fixture(scope="session")
def imagenet(tmp_path_factory) -> Path:
    """A torch home with random weights where torchvision's AlexNet, VGG16 and SqueezeNet are looked for."""
    from torchvision import models

    home = tmp_path_factory.mktemp("torch")
    (home / "hub" / "checkpoints").mkdir(parents=True)
    torch.manual_seed(0)
    for make, weights in (
        (models.alexnet, models.AlexNet_Weights),
        (models.vgg16, models.VGG16_Weights),
        (models.squeezenet1_1, models.SqueezeNet1_1_Weights),
    ):
        with torch.device("meta"):
            shapes = make().state_dict()
        state = {}
        for name, value in shapes.items():
            if name.startswith("features"):
                fan_in = value[0].numel() if value.ndim > 1 else 100
                state[name] = torch.randn(value.shape) * (2 / fan_in) ** 0.5
            else:  # the classifier, which nobody uses: one number on the disk
                state[name] = torch.zeros(1).expand(value.shape)
        torch.save(state, home / "hub" / "checkpoints" / Path(weights.IMAGENET1K_V1.url).name)
    return home


@pytest.fixture
def imagenet_weights(imagenet, monkeypatch) -> None:
    """As if ImageNet's networks had been downloaded."""
    monkeypatch.setenv("TORCH_HOME", str(imagenet))


@pytest.fixture(scope="session")
def tedbench_outputs() -> Callable[[int], list[tuple[np.ndarray, str, np.ndarray]]]:
    """Every so many-th input, target text and published output at 512², of those that lie beside this project."""
    from tedbench.image import read_image, square

    root = Path(__file__).parents[3] / "shared" / "tedbench"
    if not root.is_dir():
        pytest.skip("no TEdBench beside the project")

    def make(every: int) -> list[tuple[np.ndarray, str, np.ndarray]]:
        found = []
        for item in json.loads((root / "input_list.json").read_text()):
            name, text = item["img_name"], item["target_text"]
            output = root / "imagic" / f"{name}-{text.rstrip('.').replace(' ', '_')}.png"
            if output.exists():
                found.append((root / "originals" / name, text, output))
        read = lambda path: square(read_image(path), 512)
        return [(read(source), text, read(output)) for source, text, output in found[::every]]

    return make


@pytest.fixture
def own_style() -> None:
    """Figures in the project's style as users get it, whose fonts tests leave out elsewhere."""
    from eval.present.figures import style

    style.plt.style.use(Path(style.__file__).with_name("paper.mplstyle"))
