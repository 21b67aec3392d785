"""The method from Python, with the settings that the configuration tree gives it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.utils import get_object
from omegaconf import OmegaConf

from cli.command import compose
from imagic.models.device import TF32, settle
from tedbench.build import build
from tedbench.image import read_image, square
from tedbench.method import Editor
from tedbench.pair import EditPair, Entry
from tedbench.settings import checked

if TYPE_CHECKING:
    from imagic.editor import Imagic
    from imagic.models.base import TextToImage


def load(model: str = "picturebook", *overrides: str) -> Imagic:
    """Imagic on a model, ready to fit.

    Args:
        model: a name in ``conf/model``.
        overrides: as on the command line, such as ``"recipe.imagic.embedding.steps=500"``.

    Raises:
        UserError: an unknown model or option, or weights that are not here.
    """
    cfg: Any = OmegaConf.to_container(
        compose("imagic", ["image=none", "text=none", f"model={model}", *overrides]), resolve=True
    )
    device, _ = settle(cfg["numerics"])
    editor: Imagic = build_editor(cfg, device)
    return editor


def build_editor(cfg: Mapping[str, Any], device: str, model: Any = None) -> Any:
    """The method of a resolved configuration with ``model``, ``method``, ``numerics`` and ``seed``.

    It is given what its constructor takes of ``model`` (loaded only then, and where it is not given here), ``device``,
    ``seed`` and ``sample_batch``.

    Raises:
        UserError: weights that are not here, a seed that is no whole number, or a setting that the model or method
            refuses.
    """
    seed = checked("seed", cfg["seed"], int)
    numerics, method = cfg["numerics"], {key: value for key, value in cfg["method"].items() if key != "name"}
    takes = _parameters(method)
    offered = {"device": device, "seed": seed, "sample_batch": numerics["sample_batch"]}
    given = {key: value for key, value in offered.items() if key in takes}
    if "model" in takes:
        given["model"] = model or build_model(cfg, device)
    return build(method, Editor, "method", **given)


def build_model(cfg: Mapping[str, Any], device: str) -> TextToImage:
    """The model of a resolved configuration with ``model`` and ``numerics``.

    Raises:
        UserError: weights that are not here, or a setting that the model refuses.
    """
    from imagic.models.base import TextToImage

    numerics = cfg["numerics"]
    dtype = "float32" if numerics["dtype"] == TF32 else numerics["dtype"]
    model = build(cfg["model"], TextToImage, "model", device=device, dtype=dtype)
    if checked("numerics.compile", numerics["compile"], bool):
        from imagic.models.compiled import compile_networks

        compile_networks(model)
    return model


def takes_model(cfg: Mapping[str, Any]) -> bool:
    """Whether the method of a resolved configuration works on the generative model."""
    return "model" in _parameters(cfg["method"])


def _parameters(method: Mapping[str, Any]) -> set[str]:
    return set(inspect.signature(get_object(str(method["_target_"]))).parameters)


def open_pair(image: Path | str, text: str, size: int) -> EditPair:
    """An image file and a target text as a pair in the canonical square.

    Raises:
        ImageError: the image is missing or unreadable.
        UserError: the text is empty.
    """
    return EditPair(Entry(Path(image).name, text), square(read_image(image), size))
