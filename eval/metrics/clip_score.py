"""CLIP score: cosine between an image's and the target text's CLIP embeddings (Hessel et al., arXiv 2104.08718)."""

from __future__ import annotations

import logging
import warnings
from typing import Any, ClassVar

import numpy as np
import open_clip
import torch
from PIL import Image

from eval.metrics.base import Kind, Metric, Reference, check_images
from imagic.models.weights import EMBEDDED, digest, locate
from tedbench.errors import UserError


class ClipScore(Metric):
    """The raw cosine, neither scaled by 2.5 or 100 nor clamped. Images go through the model's own preprocessing."""

    kind: ClassVar[Kind] = "alignment"

    def __init__(self, model: str, pretrained: str | None = None, device: str = "cpu", batch: int = 32) -> None:
        """
        Args:
            model: a name that open_clip knows, or a folder in its format (``open_clip_config.json`` beside safetensors).
            pretrained: open_clip's tag of the weights, or a file; unused for a folder.
            device: where it computes.
            batch: images at a time; changes nothing but speed and the last bits.

        Raises:
            UserError: an unknown model, weights that are not here and cannot be downloaded, or OpenAI's weights
                without QuickGELU.
        """
        folder = locate(model) if model.startswith(EMBEDDED) or "/" in model else None
        if folder is None and pretrained is None:
            raise UserError(f"The CLIP model {model} needs weights. Give metrics.clip.pretrained, such as openai.")
        if pretrained == "openai" and "quickgelu" not in model:
            raise UserError(f"OpenAI's weights were trained with QuickGELU. Use metrics.clip.model={model}-quickgelu.")
        source = f"local-dir:{folder}" if folder else model
        self.name = f"clip/{folder.name if folder else model}/{digest(folder)[:8] if folder else pretrained}"
        if model.startswith(EMBEDDED):
            self.name = f"clip/picturebook/{self.name.rpartition('/')[2]}"
        self._model, self._preprocess = _load(source, pretrained)
        self._model.eval().requires_grad_(False).to(device)
        self._tokenizer = open_clip.get_tokenizer(source)
        self.device, self.batch = device, batch

    @torch.no_grad()
    def score(self, reference: Reference, images: np.ndarray) -> np.ndarray:
        """Cosines, (N,) float64."""
        check_images(images)
        text = self._model.encode_text(self._tokenize(reference.target_text).to(self.device), normalize=True)
        found = []
        for start in range(0, len(images), self.batch):
            pixels = torch.stack([self._preprocess(Image.fromarray(i)) for i in images[start : start + self.batch]])
            features = self._model.encode_image(pixels.to(self.device), normalize=True)
            found.append((features.double() @ text[0].double()).cpu().numpy())
        return np.concatenate(found)

    def _tokenize(self, text: str) -> torch.Tensor:
        """open_clip's own tokens: a text that is too long keeps its end token, and a warning says that it was cut."""
        tokens, length = self._tokenizer([text]), self._tokenizer.context_length
        if not torch.equal(tokens, self._tokenizer([text], context_length=8 * length)[:, :length]):
            warnings.warn(f"{self.name} reads {length} tokens; the end of this text is cut off: {text!r}", stacklevel=3)
        return tokens


def _load(source: str, pretrained: str | None) -> tuple[Any, Any]:
    logging.getLogger().addFilter(_quiet)
    try:
        return open_clip.create_model_from_pretrained(source, pretrained=pretrained, weights_only=True)
    except (OSError, RuntimeError, ValueError, LookupError) as error:
        if pretrained and source not in open_clip.list_models():
            raise UserError(f"open_clip knows no model {source}. `open_clip.list_models()` lists them.") from None
        reason = str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
        raise UserError(
            f"The CLIP weights {source} ({pretrained}) are not on this machine and cannot be downloaded ({reason}). "
            "Download them once where there is a network (python -m eval.doctor says how) and copy the hub's cache "
            "folder here, or measure with metrics=picturebook."
        ) from None


def _quiet(record: logging.LogRecord) -> bool:
    """open_clip reports each load to the root logger; only its warnings are wanted."""
    return record.levelno >= logging.WARNING
