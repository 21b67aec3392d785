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


class Returned(NamedTuple):
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
            arguments: names of its call's arguments: ``image`` takes the input, in the form ``wrap``, ``text`` takes the text,
                and those of ``size``, if any, the wanted height and width in pixels.
            image_size: side of the picture that is given, and asked for.
            name: the model's name in run folders.
            device: a torch device.
            offload: what stays on the device between the steps; the others wait in main memory.

        Raises:
            UserError: the call has no such argument.
        """
        self.pipeline, self.name, self.image_size = pipeline, name, image_size
        self.arguments = _arguments(arguments)
        self.require_arguments(
            [self.arguments["image"], self.arguments["text"], *self.arguments["size"]], "model.arguments"
        )
        pipeline.set_progress_bar_config(disable=True)
        if offload == "model":
            pipeline.enable_model_cpu_offload(device=device)
        elif offload == "sequential":
            pipeline.enable_sequential_cpu_offload(device=device)
        else:
            pipeline.to(device)
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
        kind = class_of(folder, pipeline)
        left_out = dict.fromkeys(without)
        with reading(folder):
            found = kind.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, torch_dtype=DTYPES[dtype], **left_out
            )
        return cls(found, **settings)

    def require_arguments(self, names: Sequence[str], option: str) -> None:
        """Refuse arguments that the pipeline's call does not have.

        Args:
            names: of the arguments.
            option: that names them, for the message.

        Raises:
            UserError: says the wrong one, and the nearest that there is.
        """
        takes = [name for name in inspect.signature(type(self.pipeline).__call__).parameters if name != "self"]
        for name in names:
            if name not in takes or name in OURS:
                near = nearest(name, takes)
                hint = f" Did you mean {near}?" if near else ""
                raise UserError(
                    f"{option}: {type(self.pipeline).__name__} cannot be called with {name!r}.{hint} It takes "
                    f"{', '.join(sorted(set(takes) - set(OURS)))}."
                )

    def edit(self, image: np.ndarray, text: str, call: Mapping[str, Any], generator: torch.Generator) -> Returned:
        """Edit an image.

        Args:
            image: (side, side, 3) uint8.
            text: what the pipeline is told.
            call: further arguments.
            generator: on the CPU, so that noise does not depend on the device.

        Raises:
            PairError: the pipeline raised an error, or returned no image.
        """
        self._warn_of_cut(text)
        picture: Any = Image.fromarray(image)
        wrapped = {"none": picture, "list": [picture], "nested": [[picture]]}[self.arguments["wrap"]]
        size = dict.fromkeys(self.arguments["size"], self.image_size)
        given = {self.arguments["image"]: wrapped, self.arguments["text"]: text, **size, **call}
        try:
            with torch.no_grad():
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
        return Returned(np.array(found.convert("RGB")), bool(flagged and flagged[0]))

    def _warn_of_cut(self, text: str) -> None:
        """Warn of a text that is longer than every text encoder of the pipeline reads."""
        there = [getattr(self.pipeline, f"tokenizer{number}", None) for number in ("", "_2", "_3")]
        lengths = {tokenizer: tokenizer.model_max_length for tokenizer in there if tokenizer is not None}
        if lengths and all(len(tokenizer(text).input_ids) > length for tokenizer, length in lengths.items()):
            warnings.warn(
                f"{self.name} reads {max(lengths.values())} tokens; the end of this text is cut off: {text!r}",
                stacklevel=4,
            )

    def _count(self, module: Any, inputs: tuple[Any, ...], out: Any) -> None:
        tensors = [out] if isinstance(out, torch.Tensor) else [out[0] if isinstance(out, tuple) else out.sample]
        self.evaluations += len(tensors[0])


def class_of(folder: Path, name: str | None) -> type[DiffusionPipeline]:
    """Return the pipeline class of a folder, or the one that is named.

    Raises:
        UserError: diffusers has no such pipeline; code in the folder is never run.
    """
    name = name or pipeline_index(folder)["_class_name"]
    found = getattr(diffusers, name, None)
    if not (inspect.isclass(found) and issubclass(found, DiffusionPipeline)):
        raise UserError(f"diffusers {diffusers.__version__} has no pipeline {name}. Give model.pipeline another one.")
    return found


def _arguments(settings: Mapping[str, Any]) -> dict[str, Any]:
    return checked_block("model.arguments", settings, image=str, wrap=Wrap, text=str, size=Sequence[str])
