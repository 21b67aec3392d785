"""CLIP embeddings of images and texts, computed once for all metrics that use them."""

from __future__ import annotations

from pathlib import Path
from weakref import WeakValueDictionary

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from eval.metrics.recent import Recent, content
from eval.runs.files import file_digest
from imagic.models.clip import OpenClip, load_clip
from imagic.models.weights import EMBEDDED, digest

KEPT = 1024
"""Number of cached embeddings of inputs, and of texts; each is about 512 numbers."""


SAME_TEXT = 1e-6
"""Distance up to which the unit vectors of two texts differ by rounding alone."""


class ClipFeatures:
    """Unit vectors, float64, of a CLIP model with its own preprocessing: open_clip's transform and tokenizer.

    Attributes:
        name: ``<backbone>/<weights>``.
        synthetic: True for the embedded model, which was trained on drawn pictures only.
    """

    def __init__(self, name: str, clip: OpenClip, device: str, batch: int, synthetic: bool = False) -> None:
        self.name, self.synthetic = name, synthetic
        self._clip, self._device, self._batch = clip, device, batch
        self._texts: Recent[np.ndarray] = Recent(KEPT)
        self._inputs: Recent[np.ndarray] = Recent(KEPT)
        self._edited: Recent[np.ndarray] = Recent(1)  # several metrics measure one pair's images in turn

    def text(self, text: str) -> np.ndarray:
        """Return the embedding of a text, (D,). A text that is too long is truncated, with a warning."""
        return self._texts.get(text, lambda: self._encode_text(text))

    def same_text(self, one: str, other: str) -> bool:
        """Return True if the model does not distinguish two texts: by tokens, or else by :data:`SAME_TEXT`."""
        first, second = self._clip.tokenizer([one, other])
        if torch.equal(first, second):
            return True
        return bool(np.linalg.norm(self.text(one) - self.text(other)) <= SAME_TEXT)

    def input(self, image: np.ndarray) -> np.ndarray:
        """Return the embedding, (D,), of an input, (H, W, 3) uint8. It is cached, as many pairs may share the input."""
        return self._inputs.get(content(image), lambda: self._encode(image[None])[0])

    def edited(self, images: np.ndarray) -> np.ndarray:
        """Return the embeddings, (N, D), of edited images, (N, H, W, 3) uint8."""
        return self._edited.get(content(images), lambda: self._encode(images))

    @torch.inference_mode()
    def _encode(self, images: np.ndarray) -> np.ndarray:
        parts = []
        for start in range(0, len(images), self._batch):
            pictures = [Image.fromarray(image) for image in images[start : start + self._batch]]
            pixels = torch.stack([self._clip.preprocess(picture) for picture in pictures]).to(self._device)
            parts.append(self._clip.network.encode_image(pixels).cpu())
        return unit(torch.cat(parts))

    @torch.inference_mode()
    def _encode_text(self, text: str) -> np.ndarray:
        tokens = self._clip.tokens([text], f"clip/{self.name}").to(self._device)
        return unit(self._clip.network.encode_text(tokens).cpu())[0]


def unit(features: Tensor) -> np.ndarray:
    """Normalise features, (N, D), to unit vectors in float64."""
    return torch.nn.functional.normalize(features.double(), dim=-1).numpy()


_open: WeakValueDictionary[tuple[str, str, str, int], ClipFeatures] = WeakValueDictionary()


def open_features(model: str, pretrained: str | None = None, device: str = "cpu", batch: int = 32) -> ClipFeatures:
    """Return the embeddings of a CLIP model; the same object as long as a metric holds it.

    Args:
        model: a name that open_clip knows, or a folder in its format (``open_clip_config.json`` beside safetensors).
        pretrained: open_clip's tag of the weights, or a file; unused for a folder.
        device: device of the computation.
        batch: number of images at a time; affects only speed and the last bits.

    Raises:
        UserError: the model is unknown, weights are missing and cannot be downloaded, or OpenAI's weights are used
            without QuickGELU.
    """
    asked = (model, str(pretrained), device, batch)
    return _open.get(asked) or _open.setdefault(asked, _load(model, pretrained, device, batch))


def _load(model: str, pretrained: str | None, device: str, batch: int) -> ClipFeatures:
    clip = load_clip(model, pretrained, device, option="metrics.clip", instead="measure with metrics=picturebook")
    if clip.folder:
        backbone = "picturebook" if model.startswith(EMBEDDED) else clip.folder.name
        weights = digest(clip.folder)[:8]
    else:
        backbone, weights = model, str(pretrained)
        if Path(weights).is_file():
            weights = file_digest(Path(weights))[:8]
    return ClipFeatures(f"{backbone}/{weights}", clip, device, batch, model.startswith(EMBEDDED))
