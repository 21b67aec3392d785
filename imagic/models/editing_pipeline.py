"""Editing pipelines of diffusers, called as they are: InstructPix2Pix, FLUX.1 Kontext, Qwen-Image-Edit and others."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import diffusers
import numpy as np
import torch
from diffusers import DiffusionPipeline
from PIL import Image

from imagic.models.base import DTYPES
from imagic.models.folder import pipeline_index, reading
from imagic.models.pretrained import Pretrained
from imagic.models.weights import locate
from tedbench.errors import PairError, UserError
from tedbench.near import nearest
from tedbench.settings import Count, checked_block

Wrap = Literal["none", "list", "nested"]
"""Form in which a pipeline takes the input: itself, in a list, or in a list in a list."""
Offload = Literal["none", "model", "sequential"]
"""Weights kept on the device: all; those of the part at work; those of the layer at work."""
OURS = ("generator", "output_type", "return_dict")
"""Arguments that are given for every image."""


class Output(NamedTuple):
    """Result of a pipeline.

    Attributes:
        image: (H, W, 3) uint8, of any size.
        blocked: True if the pipeline's safety checker says that it has replaced the image.
    """

    image: np.ndarray
    blocked: bool


class EditingPipeline(Pretrained):
    """A diffusers pipeline that edits an image by a text.

    Attributes:
        pipeline: diffusers' own.
        inverts: True if its ``invert`` takes the image, before a call without one.
    """

    def __init__(
        self,
        pipeline: DiffusionPipeline,
        *,
        arguments: Mapping[str, Any],
        image_size: Count,
        name: str = "custom",
        device: str = "cpu",
        offload: Offload = "none",
    ) -> None:
        """
        Args:
            pipeline: on the CPU.
            arguments: names of its call's arguments, see :func:`call_arguments`.
            image_size: side of the picture that is given, and asked for.
            name: the model's name in run folders.
            device: a torch device.
            offload: what stays on the device between the steps; the others wait in main memory.

        Raises:
            UserError: the call has no such argument.
        """
        self.pipeline, self.name, self.image_size = pipeline, name, image_size
        self.arguments = call_arguments(arguments, type(pipeline))
        self.inverts = bool(self.arguments["invert"])
        pipeline.set_progress_bar_config(disable=True)
        if offload == "none" or device == "cpu":  # where the device is the CPU all weights are in main memory anyway
            pipeline.to(device)
        elif offload == "model":
            pipeline.enable_model_cpu_offload(device=device)
        else:
            pipeline.enable_sequential_cpu_offload(device=device)
        for part in ("unet", "transformer"):
            if (network := getattr(pipeline, part, None)) is not None:
                network.register_forward_hook(self._count)

    @classmethod
    def load(
        cls,
        path: str,
        revision: str | None = None,
        *,
        pipeline: str | None = None,
        without: Sequence[str] = (),
        dtype: str = "float32",
        **settings: Any,
    ) -> Self:
        """Load a pipeline folder (see :func:`imagic.models.weights.locate`).

        Args:
            path, revision: of the folder.
            pipeline: diffusers' class; None for the one that the folder names.
            without: parts that are left out, such as "safety_checker".
            dtype: precision of weights and computing.
            settings: for the constructor.

        Raises:
            UserError: no such model, an incomplete folder, a pickle, or no such class in diffusers.
        """
        folder = locate(path, revision)
        kind = class_of(pipeline, folder)
        left_out = dict.fromkeys(without)
        with reading(folder):
            found = kind.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, torch_dtype=DTYPES[dtype], **left_out
            )
        return cls(found, **settings)

    @staticmethod
    def kind(settings: Mapping[str, Any]) -> type[DiffusionPipeline] | None:
        """Return the pipeline class of a model's settings; None if only a folder that is not here yet names it.

        Raises:
            UserError: see :func:`class_of`.
        """
        path, name = str(settings["path"]), settings.get("pipeline")
        return class_of(name, Path(path).expanduser()) if name or Path(path).expanduser().is_dir() else None

    def edit(
        self,
        image: np.ndarray,
        text: str,
        call: Mapping[str, Any],
        generator: torch.Generator,
        invert: Mapping[str, Any] | None = None,
    ) -> Output:
        """Edit an image.

        Args:
            image: (side, side, 3) uint8.
            text: what the pipeline is told.
            call: further arguments.
            generator: on the CPU, so that noise does not depend on the device. Its seed is that of torch's own generator
                too, from which some pipelines draw (OmniGen the latents of its input).
            invert: arguments of ``invert``, for a pipeline that inverts.

        Raises:
            PairError: the pipeline raised an error, or returned no image.
        """
        names, text = self.arguments, self.arguments["template"].replace("{text}", text)
        self._warn_of_cut(text)
        picture: Any = Image.fromarray(image)
        given = {names["text"]: text, **dict.fromkeys(names["size"], self.image_size), **call}
        if not self.inverts:
            given[names["image"]] = {"none": picture, "list": [picture], "nested": [[picture]]}[names["wrap"]]
        try:
            with torch.no_grad(), torch.random.fork_rng():
                torch.manual_seed(generator.initial_seed())
                if self.inverts:
                    self.pipeline.invert(**{names["image"]: picture, **(invert or {})}, generator=generator)
                out = self.pipeline(**given, generator=generator, output_type="pil")
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # whatever a pipeline raises concerns this image
            reason = (str(error).strip().splitlines() or [""])[0][:200]
            raise PairError(f"{type(self.pipeline).__name__} raised {type(error).__name__}: {reason}") from error
        images = out.images
        found = images[0] if len(images) else None
        if not isinstance(found, Image.Image):
            raise PairError(f"{type(self.pipeline).__name__} returned {type(found).__name__} in place of an image.")
        flagged = getattr(out, "nsfw_content_detected", None)
        return Output(np.array(found.convert("RGB")), bool(flagged and flagged[0]))

    def _warn_of_cut(self, text: str) -> None:
        """Warn of a text that is longer than every text encoder of the pipeline reads."""
        there: list[Any] = [getattr(self.pipeline, f"tokenizer{number}", None) for number in ("", "_2", "_3")]
        lengths = {
            tokenizer: tokenizer.model_max_length for tokenizer in there if hasattr(tokenizer, "model_max_length")
        }
        if lengths and all(len(tokenizer(text).input_ids) > length for tokenizer, length in lengths.items()):
            warnings.warn(
                f"{self.name} reads {max(lengths.values())} tokens; the end of this text is cut off: {text!r}",
                stacklevel=4,
            )

    def _count(self, module: Any, inputs: tuple[Any, ...], out: Any) -> None:
        tensors = [out] if isinstance(out, torch.Tensor) else [out[0] if isinstance(out, tuple) else out.sample]
        self.evaluations += len(tensors[0])


def class_of(name: str | None, folder: Path) -> type[DiffusionPipeline]:
    """Return the pipeline class that is named, or the one of a folder.

    Raises:
        UserError: diffusers has no such pipeline; code in the folder is never run.
    """
    name = name or pipeline_index(folder)["_class_name"]
    found = getattr(diffusers, name, None)
    if not (inspect.isclass(found) and issubclass(found, DiffusionPipeline)):
        raise UserError(f"diffusers {diffusers.__version__} has no pipeline {name}. Give model.pipeline another one.")
    return found


def call_arguments(settings: Mapping[str, Any], kind: type[DiffusionPipeline]) -> dict[str, Any]:
    """Return the names of a pipeline's arguments.

    Args:
        settings: ``image`` takes the input, in the form ``wrap``; ``text`` takes ``template`` with the text in the place of
            {text}; those of ``size``, if any, take the wanted height and width in pixels. With ``invert`` the image goes to
            the pipeline's method of that name, and the call takes none.
        kind: the pipeline's class.

    Raises:
        UserError: a block of another form, or the pipeline has no such argument.
    """
    kinds: dict[str, Any] = {
        "image": str,
        "wrap": Wrap,
        "text": str,
        "template": str,
        "size": Sequence[str],
        "invert": bool,
    }
    found = checked_block("model.arguments", settings, **kinds)
    if "{text}" not in found["template"]:
        raise UserError(f"model.arguments.template={found['template']!r} has no place for the text. Write {{text}}.")
    require_arguments(kind, [found["text"], *found["size"]], "model.arguments")
    require_arguments(kind, [found["image"]], "model.arguments", "invert" if found["invert"] else "__call__")
    return found


def require_arguments(
    kind: type[DiffusionPipeline], names: Sequence[str], option: str, function: str = "__call__"
) -> None:
    """Refuse arguments that a pipeline does not take.

    Args:
        kind: the pipeline's class.
        names: of the arguments.
        option: that names them, for the message.
        function: of the pipeline that is called.

    Raises:
        UserError: says the wrong one, and the nearest that there is; or there is no such function.
    """
    if not hasattr(kind, function):
        raise UserError(f"{option}: {kind.__name__} has no {function}.")
    takes = [name for name in inspect.signature(getattr(kind, function)).parameters if name not in ("self", "kwargs")]
    called = "called" if function == "__call__" else f"told to {function}"
    for name in names:
        if name not in takes or name in OURS:
            near = nearest(name, takes)
            hint = f" Did you mean {near}?" if near else ""
            raise UserError(
                f"{option}: {kind.__name__} cannot be {called} with {name!r}.{hint} It takes "
                f"{', '.join(sorted(set(takes) - set(OURS)))}."
            )
