"""Reading diffusers' pipeline folders."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers import DDIMScheduler
from transformers.utils.logging import disable_progress_bar

from tedbench.errors import UserError

WHOLE: dict[str, Any] = {"local_files_only": True, "use_safetensors": True, "torch_dtype": torch.float32}
"""How each part is read: float32, from safetensors on this machine."""


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
