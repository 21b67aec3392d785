"""Reading diffusers' pipeline folders."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, ConfigMixin, DDIMScheduler, ModelMixin, UNet2DConditionModel
from transformers import PreTrainedModel
from transformers.utils.logging import disable_progress_bar

from imagic.models.weights import half_weights
from tedbench.errors import UserError

LOAD_DEFAULTS: dict[str, Any] = {"local_files_only": True, "use_safetensors": True, "torch_dtype": torch.float32}
"""Arguments with which each part is loaded: float32, from safetensors on this machine."""

SEES_MORE = {
    (2, 1): "an inpainting model, which also sees a mask and the masked picture",
    (2, 0): "a model like InstructPix2Pix, which also sees the input",
    (1, 1): "a model that also sees a depth map",
    (1, 3): "an upscaler, which also sees a small picture",
}
"""Kinds of networks by (a, b), where the input has a times the noised image's channels plus b."""


def read_part(kind: Any, folder: Path, part: str, stored: torch.dtype = torch.float32) -> Any:
    """Load a part of a pipeline folder, from this machine alone.

    Args:
        kind: class of the network, tokenizer or scheduler.
        folder: of the pipeline.
        part: its folder inside.
        stored: precision of a network's loaded weights. They are read from safetensors alone, and from files in half precision
            if there are no others.
    """
    if not issubclass(kind, ModelMixin | PreTrainedModel):
        return kind.from_pretrained(folder / part, local_files_only=True)
    arguments = {**LOAD_DEFAULTS, "variant": half_weights(folder / part)[0], "torch_dtype": stored}
    if issubclass(kind, ModelMixin):
        arguments["low_cpu_mem_usage"] = False
    return kind.from_pretrained(folder / part, **arguments)


def latent_channels(folder: Path) -> int:
    """Return the number of channels of a pipeline's latents, from its autoencoder's configuration."""
    with reading(folder):
        return int(AutoencoderKL.load_config(folder / "vae", local_files_only=True).get("latent_channels", 4))


def require_channels(
    folder: Path,
    picture: int,
    of: str,
    *,
    more: int = 0,
    gives: Sequence[int],
    instead: str,
    network: type[ConfigMixin] = UNet2DConditionModel,
) -> None:
    """Raise UserError if a network takes or returns other channels than the methods use.

    Args:
        folder: of the pipeline; only the network's ``config.json`` is read.
        picture: channels of the noised image.
        of: what has those channels, for the message.
        more: further channels that the network must take.
        gives: numbers of channels that it may return, the likeliest first.
        instead: advice for the message.
        network: the network's class: a UNet, or a transformer.

    Raises:
        UserError: the network has others.
    """
    part = "unet" if network is UNet2DConditionModel else "transformer"
    with reading(folder):
        config = network.load_config(folder / part, local_files_only=True)
    takes = int(config.get("in_channels", 4))
    made = int(config.get("out_channels", 4) or takes)
    if takes == picture + more and made in gives:
        return
    kind = SEES_MORE.get(divmod(takes, picture))
    what = f" It is {kind}." if kind and takes > picture + more else ""
    raise UserError(
        f"The network of {folder} takes {takes} channels and gives {made}, where {of} has {picture} and it should take "
        f"{picture + more} and give {gives[0]}.{what} {instead}"
    )


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Raise errors of the libraries as a UserError of one line; their progress bars and warnings are muted.

    Raises:
        UserError: anything went wrong inside the block.
    """
    disable_progress_bar()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        try:
            yield
        except Exception as error:  # what a damaged file makes the libraries raise has no common base
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            raise UserError(
                f"{folder} cannot be loaded ({reason}). Download it again, or give another model.path."
            ) from None


def ddim_scheduler(folder: Path, **changes: Any) -> DDIMScheduler:
    """Return DDIM on the model's own noise schedule, whatever scheduler its folder names. Latents are never clipped."""
    config = DDIMScheduler.load_config(folder, local_files_only=True)
    return DDIMScheduler.from_config(config, **{"clip_sample": False, **changes})


def pipeline_index(folder: Path) -> dict[str, Any]:
    """Return a diffusers pipeline's ``model_index.json``, which has ``_class_name``.

    Raises:
        UserError: the folder is not a diffusers pipeline.
    """
    try:
        index = json.loads((folder / "model_index.json").read_text())
        return {**index, "_class_name": str(index["_class_name"])}
    except (OSError, ValueError, TypeError, KeyError):
        raise UserError(
            f"{folder} is not a diffusers pipeline: it has no readable model_index.json. Give model.path such a folder."
        ) from None
