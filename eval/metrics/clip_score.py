"""CLIP score: cosine between an image's and the target text's CLIP embeddings (Hessel et al., arXiv 2104.08718)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from PIL import Image

from eval.metrics.base import Kind, Metric, Reference, check_images
from imagic.models.clip import load_clip
from imagic.models.weights import EMBEDDED, digest


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
        self._clip = load_clip(
            model, pretrained, device, option="metrics.clip", instead="measure with metrics=picturebook"
        )
        folder = self._clip.folder
        self.name = f"clip/{folder.name if folder else model}/{digest(folder)[:8] if folder else pretrained}"
        if model.startswith(EMBEDDED):
            self.name = f"clip/picturebook/{self.name.rpartition('/')[2]}"
        self.device, self.batch = device, batch

    @torch.no_grad()
    def score(self, reference: Reference, images: np.ndarray) -> np.ndarray:
        """Cosines, (N,) float64."""
        check_images(images)
        network = self._clip.network
        text = network.encode_text(self._tokenize(reference.target_text).to(self.device), normalize=True)
        found = []
        for start in range(0, len(images), self.batch):
            pixels = torch.stack(
                [self._clip.preprocess(Image.fromarray(i)) for i in images[start : start + self.batch]]
            )
            features = network.encode_image(pixels.to(self.device), normalize=True)
            found.append((features.double() @ text[0].double()).cpu().numpy())
        return np.concatenate(found)

    def _tokenize(self, text: str) -> torch.Tensor:
        """open_clip's own tokens: a text that is too long keeps its end token, and a warning says that it was cut."""
        return self._clip.tokens([text], self.name)
