"""A tiny CLIP with random weights, in open_clip's format."""

from __future__ import annotations

import json
import shutil

import pytest


@pytest.fixture(scope="session")
def random_clip(tmp_path_factory) -> str:
    """A folder that open_clip loads: a ViT of 3 blocks on 32² pictures in patches of 8, with Picturebook's tokenizer."""
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
