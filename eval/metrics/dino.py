"""DINO similarity: cosine between the images' [CLS] features of a self-supervised vision transformer.

DreamBooth measures fidelity in this way (Ruiz et al., arXiv 2208.12242, section 4.1); here the model is DINOv2 (Oquab
et al., arXiv 2304.07193).
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from huggingface_hub import snapshot_download
from huggingface_hub.constants import HF_HUB_CACHE
from huggingface_hub.errors import HfHubHTTPError
from transformers import AutoImageProcessor, AutoModel

from eval.metrics.base import Kind, Metric, Reference, check_images
from eval.metrics.clip_features import unit
from eval.metrics.recent import Recent, content
from eval.runs.files import file_digest
from imagic.models.pins import PINS
from tedbench.errors import UserError

FILES = ("config.json", "preprocessor_config.json", "model.safetensors")
INSTEAD = "or measure without it (metrics=standard)"
OURS = {"local_files_only": True, "trust_remote_code": False}
"""Arguments of transformers: local files only, and no code from them."""
KEPT = 1024
"""Number of cached features of inputs; each is about 768 numbers."""


class DinoSimilarity(Metric):
    """Raw cosine. Images go through the model's own preprocessing, resized by Pillow as its authors do."""

    kind: ClassVar[Kind] = "fidelity"
    heading = "DINO"
    bounds = (-1.0, 1.0)
    rank = 2
    reads = ()

    def __init__(self, model: str = "facebook/dinov2-base", device: str = "cpu", batch: int = 32) -> None:
        """
        Args:
            model: a hub name (owner/name), or a folder in transformers' format: :data:`FILES`.
            device: device of the computation.
            batch: number of images at a time; affects only speed and the last bits.

        Raises:
            UserError: the model is missing and cannot be downloaded, is incomplete, or is not a vision model.
        """
        folder = _locate(model)
        try:
            self._processor = AutoImageProcessor.from_pretrained(folder, backend="pil", **OURS)
            self._network = AutoModel.from_pretrained(folder, use_safetensors=True, **OURS)
        except (OSError, ValueError) as error:
            reason = str(error).strip().splitlines()[0][:120]
            raise UserError(f"{folder} holds no vision model ({reason}). Give metrics.dino.model DINOv2's.") from None
        self._network.eval().requires_grad_(False).to(device)
        self.name = f"dino/{model.rstrip('/').split('/')[-1]}/{file_digest(folder / FILES[-1])[:8]}"
        self._device, self._batch = device, batch
        self._inputs: Recent[np.ndarray] = Recent(KEPT)

    def score(self, reference: Reference, images: np.ndarray) -> np.ndarray:
        """Return cosines, (N,) float64."""
        check_images(reference, images)
        source = self._inputs.get(content(reference.image), lambda: self._features(reference.image[None])[0])
        return self._features(images) @ source

    @torch.inference_mode()
    def _features(self, images: np.ndarray) -> np.ndarray:
        """Return unit vectors, (N, D) float64."""
        parts = []
        for start in range(0, len(images), self._batch):
            pixels = self._processor(images=list(images[start : start + self._batch]), return_tensors="pt")
            tokens = self._network(pixels["pixel_values"].to(self._device)).last_hidden_state
            parts.append(tokens[:, 0].cpu())
        return unit(torch.cat(parts))


def _locate(model: str) -> Path:
    """Return the model's folder; a hub model is downloaded into the hub's cache first.

    Raises:
        UserError: it is missing or incomplete; the message says what to download, and where to put it.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        if model.count("/") != 1:
            raise UserError(f"There is no folder {model}. Give metrics.dino.model one, or a hub name (owner/name).")
        try:
            revision = PINS[model].revision if model in PINS else None
            return Path(snapshot_download(model, revision=revision, allow_patterns=list(FILES)))
        except (HfHubHTTPError, OSError, ValueError) as error:
            reason = str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
            raise UserError(
                f"The weights {model}/{FILES[-1]} are not on this machine and cannot be downloaded ({reason}). Where there "
                f"is a network run `hf download {model} {' '.join(FILES)}` and copy the folder "
                f"models--{model.replace('/', '--')} of its cache to {HF_HUB_CACHE} here, {INSTEAD}."
            ) from None
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise UserError(f"{folder} has no {missing[0]}. Give metrics.dino.model a folder with {', '.join(FILES)}.")
    return folder
