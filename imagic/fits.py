"""Fitted pairs, kept on disk to be sampled again with other strengths, seeds or guidance."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from imagic.models.text import Text
from tedbench.disk import writing
from tedbench.errors import UserError
from tedbench.pair import EditPair


class FitStore:
    """A folder of safetensors, one file per fitted pair, named by a hash of everything that decides the fit."""

    def __init__(self, folder: Path, keep: str, identity: Mapping[str, Any]) -> None:
        """
        Args:
            folder: the folder of the files; several runs can share it.
            keep: ``embedding`` or ``weights``.
            identity: the settings that decide a fit beside the pair: model, stages A and B, seed, numerics.

        Raises:
            UserError: the folder is a file, or cannot be written to.
        """
        self.folder, self.keep, self._identity = folder, keep, identity
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()

    def load(self, pair: EditPair) -> dict[str, Tensor] | None:
        """Return the kept tensors of a pair's fit, or None if there are none.

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
        """Write a pair's tensors atomically.

        Raises:
            UserError: the file cannot be written.
        """
        path = self.path(pair)
        beside = path.with_suffix(f".{secrets.token_hex(4)}")
        with writing(path):
            try:
                save_file({name: value.detach().cpu().contiguous() for name, value in kept.items()}, beside)
                beside.replace(path)
            except SafetensorError as error:
                number = re.search(r"os error (\d+)", str(error))  # only in safetensors' message
                raise (OSError(int(number[1]), str(error)) if number else error) from None
            finally:
                beside.unlink(missing_ok=True)

    def path(self, pair: EditPair) -> Path:
        """Return the file of a pair, named by a hash of the identity, its pixels and its texts."""
        pixels = hashlib.sha256(pair.image.tobytes()).hexdigest()
        texts = [pair.id, pair.target_text, pair.source_text]
        text = json.dumps([self._identity, self.keep, pair.image.shape, pixels, texts], sort_keys=True)
        return self.folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.safetensors"


def keep_text(e_opt: Text) -> dict[str, Tensor]:
    """Return the tensors of e_opt by the names of a kept fit."""
    return dict(zip(("e_opt", "e_opt_pooled"), e_opt.parameters(), strict=False))


def kept_text(kept: Mapping[str, Tensor], device: torch.device) -> Text:
    """Return the e_opt of a kept fit."""
    return Text(kept["e_opt"], kept.get("e_opt_pooled")).to(device)


def shifts(network: nn.Module, pretrained: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the changes of fine-tuning: adapters as they are, other weights' differences rounded to bfloat16."""
    found = {}
    for name, value in network.state_dict().items():
        if "lora_" in name:
            found[name] = value
        elif name in pretrained and not torch.equal(value, pretrained[name]):
            found[name] = (value - pretrained[name]).bfloat16()
    return found


@torch.no_grad()
def apply_shifts(network: nn.Module, pretrained: Mapping[str, Tensor], kept: Mapping[str, Tensor]) -> None:
    """Set the network to its pretrained weights plus the result of :func:`shifts`; adapters must be attached."""
    for name, value in network.state_dict().items():
        if name in kept:
            shift = kept[name].to(value)
            value.copy_(shift if "lora_" in name else pretrained[name] + shift)
