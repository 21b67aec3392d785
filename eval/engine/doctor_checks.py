"""Checks of a machine: hardware, packages, weights and data."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import OmegaConf

from cli.help import ROOT, choices


class Check(NamedTuple):
    """The result of one check, a line of ``eval.doctor``.

    Attributes:
        what: what was looked for.
        there: True if it was found, False if it is needed and missing or too small, None if it is optional
            and missing.
        facts: version, size or place.
        mend: advice if it is missing; or empty.
    """

    what: str
    there: bool | None
    facts: str
    mend: str = ""


def machine() -> Iterator[Check]:
    """Check processor, memory, disk and GPUs."""
    import torch

    from imagic.models.device import cpu_threads

    yield Check("processor", True, f"{platform.machine()}, {cpu_threads(None)} cores for this process")
    gigabytes = _memory()
    if gigabytes is not None:
        enough = gigabytes >= 4
        yield Check(
            "memory", enough, f"{gigabytes:.0f} GiB", "" if enough else "the embedded default needs about 4 GiB"
        )
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    yield Check(
        "disk", free > 0.2, f"{free:.0f} GiB free here", "" if free > 0.2 else "make room: a small run needs 0.2 GiB"
    )
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            bf16 = "bfloat16" if torch.cuda.is_bf16_supported() else "no bfloat16"
            yield Check(f"GPU {index}", True, f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB, {bf16}")
    else:
        yield Check("GPU", None, "none", "fine for Picturebook; Stable Diffusion wants one with 24 GiB")


def _memory() -> float | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (ValueError, OSError, AttributeError):
        return None


def packages() -> Iterator[Check]:
    """Check every dependency, those of the extras too."""
    try:
        needs = requires("imagic-bench") or []
    except PackageNotFoundError:
        yield Check("imagic-bench", False, "not installed", "run `pip install -e .` in the project's folder")
        return
    for need in needs:
        name, _, marker = need.partition(";")
        name = next(iter(name.replace(">", " ").replace("=", " ").replace("<", " ").split()))
        extra = marker.partition("extra ==")[2].strip(" '\"")
        try:
            yield Check(name, True, version(name))
        except PackageNotFoundError:
            mend = f"pip install 'imagic-bench[{extra}]'" if extra else "pip install -e ."
            yield Check(name, None if extra else False, "not installed", mend)


EMBEDDED_PARTS = {
    "picturebook:diffusion": ("unet", "vae", "text_encoder"),
    "picturebook:flow": ("transformer", "vae", "text_encoder", "text_encoder_2"),
    "picturebook:cascade/base": ("unet", "text_encoder"),
    "picturebook:cascade/upscaler": ("unet",),
}
"""Subfolders with the weights of the embedded models."""


JUDGES = ("clip", "perceptual", "judge")
"""Folders of the weights that the metrics of every embedded model read."""


def models() -> Iterator[Check]:
    """Check the weights that each choice of ``model`` needs."""
    from imagic.models.pins import PINS
    from imagic.models.weights import EMBEDDED, VARIANTS, digest, locate, paths

    for name in choices("model"):
        cfg: Any = OmegaConf.load(ROOT / "model" / f"{name}.yaml")
        if cfg.path is None:
            continue
        named = paths(cfg)
        if named["path"].startswith(EMBEDDED):
            folders = [locate(path) for path in named.values()]
            needed = [locate(path) / part for path in named.values() for part in EMBEDDED_PARTS[path]]
            needed += [locate(f"{EMBEDDED}{judge}") for judge in JUDGES]
            there = all(any(part.glob("*.safetensors")) for part in needed)
            facts = f"embedded, {digest(*folders)[:8]}" if there else "missing"
            yield Check(name, there, facts, "" if there else "the checkout is incomplete: fetch it again")
        elif any(path.startswith("./") for path in named.values()):  # a folder that its user makes
            there = all(Path(path).is_dir() for path in named.values())
            where = ", ".join(named.values())
            mend = "" if there else f"conf/model/{name}.yaml says how it is made, or model.path=FOLDER"
            yield Check(name, there or None, where if there else f"not here: {where}", mend)
        else:
            pins = {path: PINS[path].revision for path in named.values() if path in PINS}
            kept = {
                key: [
                    v
                    for v in ("", *VARIANTS)
                    if any(_on_hub_cache(path, file, pins.get(path)) for file in _networks(v))
                ]
                for key, path in named.items()
            }
            lacking = {key: path for key, path in named.items() if not kept[key]}
            rounded = sorted({variants[0] for variants in kept.values() if variants and variants[0]})
            facts = f"in the hub's cache{f', some in {rounded[0]} alone' if rounded else ''}"
            facts = f"not here: {', '.join(lacking.values())}" if lacking else facts
            mend = "; ".join(
                f"hf download {path}{f' --revision {pins[path]}' if path in pins else ''}, or model.{key}=FOLDER"
                for key, path in lacking.items()
            )
            yield Check(name, not lacking or None, facts, mend)


def _networks(variant: str) -> list[str]:
    """Return the files that a pipeline's network may have in a precision: of a UNET or a transformer, whole or the index of several."""
    dotted = f"{variant and '.'}{variant}"
    stem = "diffusion_pytorch_model"
    names = (f"{stem}{dotted}.safetensors", f"{stem}.safetensors.index{dotted}.json")
    return [f"{part}/{name}" for part in ("unet", "transformer") for name in names]


def _on_hub_cache(repository: str, file: str, revision: str | None = None) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(repository, file, revision=revision), str)


def metrics() -> Iterator[Check]:
    """Check the weights that the standard metrics need."""
    import open_clip
    import torch
    from torchvision import models as backbones

    cfg = OmegaConf.load(ROOT / "metrics" / "standard.yaml")
    for block in cfg.values():
        if "pretrained" in block:
            known = open_clip.get_pretrained_cfg(block.model, block.pretrained)
            repository = str(known.get("hf_hub", "")).rstrip("/")
            file = "open_clip_model.safetensors"
            there = _on_hub_cache(repository, file)
            mend = f"hf download {repository} {file}"
            yield Check(
                f"CLIP {block.model}",
                there or None,
                "in the hub's cache" if there else "not here",
                "" if there else mend,
            )
        else:
            url = backbones.AlexNet_Weights.IMAGENET1K_V1.url
            target = Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name
            there = target.is_file()
            mend = f"download {url} to {target.parent}"
            yield Check(f"LPIPS {block.net}", there or None, "here" if there else "not here", "" if there else mend)


def data() -> Iterator[Check]:
    """Check the datasets that are downloaded once."""
    from tedbench.download import cache_folder

    folder = cache_folder() / "tedbench-github"
    there = (folder / "input_list.json").is_file()
    mend = "downloaded at the first dataset=tedbench; without a network give dataset.root=FOLDER"
    yield Check("TEdBench", there or None, str(folder) if there else "not in the cache", "" if there else mend)


CHECKS: dict[str, Callable[[], Iterator[Check]]] = {
    "Machine": machine,
    "Packages": packages,
    "Models": models,
    "Metrics (metrics=standard)": metrics,
    "Data": data,
}
