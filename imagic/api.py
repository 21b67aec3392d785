"""The method from Python, with the settings that the configuration tree gives it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from conf.command import compose
from tedbench.build import build
from tedbench.image import read_image, square
from tedbench.pair import EditPair, Entry

if TYPE_CHECKING:
    from imagic.editor import Imagic


def load(model: str = "picturebook", *overrides: str) -> Imagic:
    """Imagic on a model, ready to fit.

    Args:
        model: a name in ``conf/model``.
        overrides: as on the command line, such as ``"recipe.imagic.embedding.steps=500"``.

    Raises:
        UserError: an unknown model or option, or weights that are not here.
    """
    return from_config(compose("imagic", ["image=none", "text=none", f"model={model}", *overrides]))


def from_config(cfg: object) -> Imagic:
    """Imagic from a composed configuration with ``model``, ``method``, ``numerics`` and ``seed``."""
    import torch
    from omegaconf import DictConfig, OmegaConf

    from imagic.models.device import cpu_threads, resolve_device

    assert isinstance(cfg, DictConfig)
    plain: Any = OmegaConf.to_container(cfg, resolve=True)
    torch.set_num_threads(cpu_threads(cfg.numerics.threads))
    model = build(plain["model"], device=resolve_device(cfg.numerics.device), dtype=cfg.numerics.dtype)
    method = {key: value for key, value in plain["method"].items() if key != "name"}
    return build(method, model=model, seed=cfg.seed, sample_batch=cfg.numerics.sample_batch)


def open_pair(image: Path | str, text: str, size: int) -> EditPair:
    """An image file and a target text as a pair in the canonical square.

    Raises:
        ImageError: the image is missing or unreadable.
        UserError: the text is empty.
    """
    return EditPair(Entry(Path(image).name, text), square(read_image(image), size))
