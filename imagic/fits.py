"""Fitted pairs, kept on disk to be sampled again with other strengths, seeds or guidance."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tedbench.disk import writing
from tedbench.errors import UserError
from tedbench.pair import EditPair

Keep = Literal["none", "embedding", "weights"]
"""What can be kept of a fit: nothing, e_opt (stage B is then done again), or e_opt and what stage B changed."""


class FitStore:
    """A folder of safetensors, one file a fitted pair, named by everything that decides the fit."""

    def __init__(self, folder: Path, keep: str, identity: Mapping[str, Any]) -> None:
        """
        Args:
            folder: of the files; runs can share it.
            keep: ``embedding`` or ``weights``.
            identity: what decides a fit beside the pair: model, stages A and B, seed, numerics.

        Raises:
            UserError: the folder is a file, or cannot be written to.
        """
        self.folder, self.keep, self._identity = folder, keep, identity
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()

    def load(self, pair: EditPair) -> dict[str, Tensor] | None:
        """What was kept of a pair's fit, or None.

        Raises:
            UserError: the file is damaged.
        """
        path = self.path(pair)
        if not path.exists():
            return None
        try:
            return load_file(path)
        except Exception as error:  # safetensors' own errors have no common base
            raise UserError(
                f"{path} is no readable fit ({str(error)[:80]}). Delete it, and the pair is fitted again."
            ) from None

    def save(self, pair: EditPair, kept: Mapping[str, Tensor]) -> None:
        """Complete or not at all.

        Raises:
            UserError: it cannot be written.
        """
        path = self.path(pair)
        beside = path.with_suffix(f".{secrets.token_hex(4)}")
        with writing(path):
            try:
                save_file({name: value.detach().cpu().contiguous() for name, value in kept.items()}, beside)
                beside.replace(path)
            except SafetensorError as error:
                number = re.search(r"os error (\d+)", str(error))  # all that safetensors tells of what the disk said
                raise (OSError(int(number[1]), str(error)) if number else error) from None
            finally:
                beside.unlink(missing_ok=True)

    def path(self, pair: EditPair) -> Path:
        """The file of a pair: a hash of the identity, of its pixels and of its texts."""
        pixels = hashlib.sha256(pair.image.tobytes()).hexdigest()
        texts = [pair.id, pair.target_text, pair.source_text]
        text = json.dumps([self._identity, self.keep, pair.image.shape, pixels, texts], sort_keys=True)
        return self.folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.safetensors"


def shifts(network: nn.Module, pretrained: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What fine-tuning changed: adapters as they are, and each other weight's difference rounded to bfloat16."""
    found = {}
    for name, value in network.state_dict().items():
        if "lora_" in name:
            found[name] = value
        elif name in pretrained and not torch.equal(value, pretrained[name]):
            found[name] = (value - pretrained[name]).bfloat16()
    return found


@torch.no_grad()
def apply_shifts(network: nn.Module, pretrained: Mapping[str, Tensor], kept: Mapping[str, Tensor]) -> None:
    """Pretrained weights with what :func:`shifts` kept of a network; adapters must be there already."""
    for name, value in network.state_dict().items():
        if name in kept:
            shift = kept[name].to(value)
            value.copy_(shift if "lora_" in name else pretrained[name] + shift)
