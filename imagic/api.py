"""The method from Python, with the settings of the configuration tree."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from cli.command import compose
from imagic.models.device import TF32, settle
from tedbench.build import build, find, find_target
from tedbench.errors import UserError
from tedbench.image import read_image, square
from tedbench.method import Description, Editor
from tedbench.pair import EditPair, Entry
from tedbench.settings import checked

if TYPE_CHECKING:
    from imagic.editor import Imagic
    from imagic.fits import FitStore
    from imagic.models.base import TextToImage


def load(model: str = "picturebook", *overrides: str) -> Imagic:
    """Return Imagic on a model, ready to fit.

    Args:
        model: a name in ``conf/model``.
        overrides: options in the command line's form, such as ``"recipe.imagic.embedding.steps=500"``.

    Raises:
        UserError: an unknown model or option, or weights that are not here.
    """
    cfg: Any = OmegaConf.to_container(
        compose("imagic", ["image=none", "text=none", f"model={model}", *overrides]), resolve=True
    )
    device, _ = settle(cfg["numerics"])
    editor: Imagic = build_editor(cfg, device)
    return editor


OFFERED = ("model", "device", "seed", "sample_batch", "fit_batch", "fits")
"""Parameters of a method's constructor that are not settings of the method: it is given those that it takes."""


def describe_editor(cfg: Mapping[str, Any]) -> Description:
    """Return what is known of the method of a resolved configuration without loading weights.

    Raises:
        UserError: a setting that the method or its model refuses, or ``seed`` is not a whole number.
    """
    checked("seed", cfg["seed"], int)
    settings = _settings(cfg)
    target = find(settings, Editor, "method", **dict.fromkeys(_offered(cfg)))
    editor = getattr(target, "__self__", target)  # of a class method its class
    own = {key: value for key, value in settings.items() if key != "_target_"}
    if "model" in _offered(cfg) and "_target_" in cfg.get("model", {}):
        check_model(cfg)
    editor.check_setup(own, cfg["model"] if "model" in _offered(cfg) else {})
    description: Description = editor.describe(own)
    return description


def build_editor(
    cfg: Mapping[str, Any], device: str, model: TextToImage | None = None, fits: FitStore | None = None
) -> Any:
    """Build the method of a resolved configuration with ``model``, ``method``, ``numerics`` and ``seed``.

    Args:
        cfg: the configuration; of ``numerics``, ``fit_batch`` may be absent.
        device: where it computes.
        model: for a method that takes one; None loads the configuration's.
        fits: where fits are kept, for a method that keeps them.

    Raises:
        UserError: weights that are not here, or a setting that the model or method refuses.
    """
    describe_editor(cfg)  # refuses wrong settings before weights are loaded
    offered = _offered(cfg)
    numerics = cfg["numerics"]
    sizes = {"sample_batch": numerics["sample_batch"], "fit_batch": numerics.get("fit_batch", 1)}
    values = {"device": device, "seed": cfg["seed"], "fits": fits, **sizes}
    given = {key: value for key, value in values.items() if key in offered}
    if "model" in offered:
        given["model"] = model or build_model(cfg, device)
    return build(_settings(cfg), Editor, "method", **given)


def _settings(cfg: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in cfg["method"].items() if key != "name"}


def _offered(cfg: Mapping[str, Any]) -> list[str]:
    takes = inspect.signature(find_target(cfg["method"], Editor)).parameters
    return [name for name in OFFERED if name in takes]


def check_model(cfg: Mapping[str, Any]) -> None:
    """Refuse wrong settings of a model before its weights are loaded.

    Raises:
        UserError: see :func:`tedbench.build.find`.
    """
    from imagic.models.pretrained import Pretrained

    find(cfg["model"], Pretrained, "model", device="cpu", dtype="float32")


def sampling_levels(cfg: Mapping[str, Any], folder: Path) -> list[float] | None:
    """Return the noise levels that a run's identity has to say, see :meth:`~imagic.models.base.TextToImage.levels`.

    Args:
        cfg: the resolved configuration with ``model`` and ``method``.
        folder: of the model.
    """
    from imagic.models.pretrained import Pretrained

    load = find_target(cfg["model"], Pretrained)
    model, steps = getattr(load, "__self__", load), (cfg["method"].get("sampling") or {}).get("steps")
    other = (cfg["method"].get("variant") or {}).get("sampler") == "dpm_solver"  # has levels of its own
    return model.levels(folder, cfg["model"], steps) if steps and not other and hasattr(model, "levels") else None


def build_model(cfg: Mapping[str, Any], device: str) -> Any:
    """Load the model of a resolved configuration with ``model`` and ``numerics``.

    Raises:
        UserError: weights that are not here, or a setting that the model refuses.
    """
    from imagic.models.device import check_numerics
    from imagic.models.pretrained import Pretrained

    numerics = cfg["numerics"]
    check_numerics(numerics)
    dtype = "float32" if numerics["dtype"] == TF32 else numerics["dtype"]
    model = build(cfg["model"], Pretrained, "model", device=device, dtype=dtype)
    if numerics["compile"]:
        from imagic.models.base import TextToImage
        from imagic.models.compiled import compile_networks

        if not isinstance(model, TextToImage):
            raise UserError(f"{model.name} is called as it is and cannot be compiled. Give numerics.compile=false.")
        compile_networks(model)
    return model


def open_pair(image: Path | str, text: str, size: int) -> EditPair:
    """Return an image file and a target text as a pair in the canonical square.

    Raises:
        ImageError: the image is missing or unreadable.
        UserError: the text is empty.
    """
    return EditPair(Entry(Path(image).name, text), square(read_image(image), size))
