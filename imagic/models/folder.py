"""Reading diffusers' pipeline folders."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers.utils.logging import disable_progress_bar

from imagic.models.weights import half_weights
from tedbench.errors import UserError

WHOLE: dict[str, Any] = {"local_files_only": True, "use_safetensors": True, "torch_dtype": torch.float32}
"""How each part is read: float32, from safetensors on this machine."""

SEES_MORE = {
    (2, 1): "an inpainting model, which also sees a mask and the masked picture",
    (2, 0): "a model like InstructPix2Pix, which also sees the input",
    (1, 1): "a model that also sees a depth map",
    (1, 3): "an upscaler, which also sees a small picture",
}
"""What a network with (a, b) takes: a times the noised picture's channels, and b more."""


def whole(folder: Path, part: str) -> dict[str, Any]:
    """How ``folder/part`` is read: :data:`WHOLE`, in half precision where there is nothing else."""
    return {**WHOLE, "variant": half_weights(folder / part)[0]}


def latent_channels(folder: Path) -> int:
    """Channels of a pipeline's latents, as its autoencoder's configuration says."""
    with reading(folder):
        return int(AutoencoderKL.load_config(folder / "vae", local_files_only=True).get("latent_channels", 4))


def require_channels(folder: Path, picture: int, of: str, *, more: int = 0, gives: Sequence[int], instead: str) -> None:
    """Refuses a network that takes or gives other channels than the methods give and take.

    Args:
        folder: of the pipeline; only ``unet/config.json`` is read.
        picture: channels of the noised picture.
        of: what has those, for the message.
        more: channels that it must take besides.
        gives: what it may give, the likeliest first.
        instead: what to give in its place.

    Raises:
        UserError: the network has others.
    """
    with reading(folder):
        config = UNet2DConditionModel.load_config(folder / "unet", local_files_only=True)
    takes, made = int(config.get("in_channels", 4)), int(config.get("out_channels", 4))
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
    """What the libraries raise of a damaged folder, as one clear line; their progress bars and warnings are left out.

    Raises:
        UserError: anything went wrong inside.
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
    """DDIM on the model's own noise schedule, whatever scheduler its folder names. Latents are never clipped."""
    config = DDIMScheduler.load_config(folder, local_files_only=True)
    return DDIMScheduler.from_config(config, **{"clip_sample": False, **changes})


def pipeline_index(folder: Path) -> dict[str, Any]:
    """What a diffusers pipeline folder says it holds, with ``_class_name``.

    Raises:
        UserError: it is no such folder.
    """
    try:
        index = json.loads((folder / "model_index.json").read_text())
        return {**index, "_class_name": str(index["_class_name"])}
    except (OSError, ValueError, TypeError, KeyError):
        raise UserError(
            f"{folder} is not a diffusers pipeline: it has no readable model_index.json. Give model.path such a folder."
        ) from None
