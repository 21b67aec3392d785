"""CLIP models, found, checked and loaded through open_clip in one place."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import open_clip
import torch
from huggingface_hub import snapshot_download
from huggingface_hub.constants import HF_HUB_CACHE
from huggingface_hub.errors import HfHubHTTPError
from safetensors import SafetensorError

from imagic.models.gelu import check_activation
from imagic.models.weights import EMBEDDED, locate, verify
from tedbench.errors import UserError
from tedbench.near import nearest


class OpenClip(NamedTuple):
    """A loaded CLIP model of open_clip.

    Attributes:
        network: in evaluation mode, without gradients.
        preprocess: open_clip's transform of a PIL image for this model.
        tokenizer: open_clip's tokenizer for this model.
        folder: the folder of the weights; None for a model given by name and tag.
    """

    network: Any
    preprocess: Any
    tokenizer: Any
    folder: Path | None

    def tokens(self, texts: Sequence[str], name: str) -> torch.Tensor:
        """Return the tokens of texts, (T, context length). A long text is cut before its end token, with a warning."""
        texts, length = list(texts), self.tokenizer.context_length
        tokens: torch.Tensor = self.tokenizer(texts)
        for text, cut, whole in zip(texts, tokens, self.tokenizer(texts, context_length=8 * length), strict=True):
            if not torch.equal(cut, whole[:length]):
                warnings.warn(f"{name} reads {length} tokens; the end of this text is cut off: {text!r}", stacklevel=4)
        return tokens


def clip_folder(model: str) -> Path | None:
    """Return the folder of a CLIP model that is one; None for a name that open_clip knows.

    Raises:
        UserError: the folder is not there.
    """
    return locate(model) if model.startswith(EMBEDDED) or "/" in model else None


def load_clip(model: str, pretrained: str | None, device: str | torch.device, *, option: str, instead: str) -> OpenClip:
    """Load a CLIP model.

    Args:
        model: a name that open_clip knows, or a folder in its format (``open_clip_config.json`` beside safetensors).
        pretrained: open_clip's tag of the weights, or a file; unused for a folder.
        device: the device on which it computes.
        option: the option that holds ``model`` and ``pretrained``, for messages: ``metrics.clip``.
        instead: the alternative if the weights cannot be had, for messages.

    Raises:
        UserError: an unknown model, weights that are not here and cannot be downloaded, or weights trained with
            another activation than the model computes (see :func:`imagic.models.gelu.check_activation`).
    """
    folder = clip_folder(model)
    if folder is None and pretrained is None:
        raise UserError(f"The CLIP model {model} needs weights. Give {option}.pretrained, such as openai.")
    if folder is not None and not (folder / "open_clip_model.safetensors").is_file():
        raise UserError(
            f"{folder} has no open_clip_model.safetensors; pickles, which can run code when they are read, are not taken. "
            f"Give {option}.model a folder in open_clip's format, or {instead}."
        )
    if not model.startswith(EMBEDDED):
        check_activation(model, pretrained, folder, option)
    source = f"local-dir:{folder}" if folder else model
    repository, file = _on_hub(model, pretrained)
    try:
        if repository:  # fails at once without a network, while open_clip would try for a minute
            verify(repository, Path(snapshot_download(repository, allow_patterns=file)))
        with _quiet():
            network, preprocess = open_clip.create_model_from_pretrained(
                source, pretrained=pretrained, weights_only=True
            )
    except (
        OSError,
        RuntimeError,
        ValueError,
        LookupError,
        EOFError,
        HfHubHTTPError,
        SafetensorError,
        UnpicklingError,
    ) as error:
        if pretrained and source not in open_clip.list_models():
            raise UserError(
                f"open_clip knows no model {source}.{nearest(source, open_clip.list_models())} Give {option}.model one that `open_clip.list_models()` lists."
            ) from None
        reason = str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
        advice = (
            f"Give {option}.model a folder with open_clip_config.json and open_clip_model.safetensors, "
            "or weights that are there"
        )
        if repository:
            advice = (
                f"Where there is a network run `hf download {repository} {file}` and copy the folder "
                f"models--{repository.replace('/', '--')} of its cache to {HF_HUB_CACHE} here"
            )
        what = f"{model} ({pretrained})" if pretrained else model
        raise UserError(f"The CLIP weights {what} cannot be loaded ({reason}). {advice}, or {instead}.") from None
    network.eval().requires_grad_(False).to(device)
    return OpenClip(network, preprocess, open_clip.get_tokenizer(source), folder)


def _on_hub(model: str, pretrained: str | None) -> tuple[str, str]:
    """Return the hub's repository and file of a tag's weights; ("", file) if they are not on the hub."""
    place = open_clip.get_pretrained_cfg(model, pretrained).get("hf_hub", "") if pretrained else ""
    repository, _, file = place.rpartition("/")
    return repository, file or "open_clip_model.safetensors"


@contextmanager
def _quiet() -> Iterator[None]:
    """Mute the root logger: open_clip reports each load there, and its errors twice."""
    root, muted = logging.getLogger(), lambda record: False
    root.addFilter(muted)
    try:
        yield
    finally:
        root.removeFilter(muted)
