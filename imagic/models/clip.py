"""CLIP models, found, checked and loaded through open_clip in one place."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import open_clip
import torch

from imagic.models.weights import EMBEDDED, locate
from tedbench.errors import UserError


class OpenClip(NamedTuple):
    """What open_clip gives.

    Attributes:
        network: in evaluation mode, without gradients.
        preprocess: its own, of a PIL image.
        tokenizer: its own.
        folder: where the weights lie; None for a name and tag.
    """

    network: Any
    preprocess: Any
    tokenizer: Any
    folder: Path | None

    def tokens(self, texts: Sequence[str], name: str) -> torch.Tensor:
        """(T, context length). A text that is too long keeps its end token, and a warning in ``name`` says that it was cut."""
        texts, length = list(texts), self.tokenizer.context_length
        tokens: torch.Tensor = self.tokenizer(texts)
        for text, cut, whole in zip(texts, tokens, self.tokenizer(texts, context_length=8 * length), strict=True):
            if not torch.equal(cut, whole[:length]):
                warnings.warn(f"{name} reads {length} tokens; the end of this text is cut off: {text!r}", stacklevel=4)
        return tokens


def load_clip(model: str, pretrained: str | None, device: str | torch.device, *, option: str, instead: str) -> OpenClip:
    """Loads a CLIP model.

    Args:
        model: a name that open_clip knows, or a folder in its format (``open_clip_config.json`` beside safetensors).
        pretrained: open_clip's tag of the weights, or a file; unused for a folder.
        device: where it computes.
        option: where ``model`` and ``pretrained`` are given, for messages: ``metrics.clip``.
        instead: what else one can do where the weights cannot be had, likewise.

    Raises:
        UserError: an unknown model, weights that are not here and cannot be downloaded, or OpenAI's weights without
            QuickGELU.
    """
    folder = locate(model) if model.startswith(EMBEDDED) or "/" in model else None
    if folder is None and pretrained is None:
        raise UserError(f"The CLIP model {model} needs weights. Give {option}.pretrained, such as openai.")
    if pretrained == "openai" and "quickgelu" not in model:
        raise UserError(f"OpenAI's weights were trained with QuickGELU. Use {option}.model={model}-quickgelu.")
    source = f"local-dir:{folder}" if folder else model
    logging.getLogger().addFilter(_quiet)
    try:
        network, preprocess = open_clip.create_model_from_pretrained(source, pretrained=pretrained, weights_only=True)
    except (OSError, RuntimeError, ValueError, LookupError) as error:
        if pretrained and source not in open_clip.list_models():
            raise UserError(f"open_clip knows no model {source}. `open_clip.list_models()` lists them.") from None
        reason = str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
        raise UserError(
            f"The CLIP weights {source} ({pretrained}) are not on this machine and cannot be downloaded ({reason}). "
            "Download them once where there is a network (python -m eval.doctor says how) and copy the hub's cache "
            f"folder here, or {instead}."
        ) from None
    network.eval().requires_grad_(False).to(device)
    return OpenClip(network, preprocess, open_clip.get_tokenizer(source), folder)


def _quiet(record: logging.LogRecord) -> bool:
    """open_clip reports each load to the root logger; only its warnings are wanted."""
    return record.levelno >= logging.WARNING
