"""PSNR and SSIM of the edited image against the input, as torchmetrics computes them."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from eval.metrics.base import Kind, Metric, Reference, check_images
from tedbench.errors import PairError

SSIM_WINDOW = 11
"""Side of the window in pixels; Gaussian with sigma 1.5 (Wang et al. 2004, section III-B)."""


class PixelMetric(Metric):
    """Base of metrics that compare pixels, at the images' own size."""

    kind: ClassVar[Kind] = "fidelity"
    pixelwise = True
    reads = ()

    def __init__(self, device: str = "cpu", batch: int = 8) -> None:
        """
        Args:
            device: device of the computation.
            batch: number of images at a time; affects only speed.
        """
        self._device, self._batch = device, batch

    @torch.inference_mode()
    def score(self, reference: Reference, images: np.ndarray) -> np.ndarray:
        """Return one value an image, (N,) float64."""
        check_images(reference, images)
        source, found = self._tensor(reference.image[None]), []
        for start in range(0, len(images), self._batch):
            edited = self._tensor(images[start : start + self._batch])
            found.append(self._compare(edited, source.expand_as(edited)).reshape(-1).cpu())
        return torch.cat(found).double().numpy()

    @abstractmethod
    def _compare(self, edited: Tensor, source: Tensor) -> Tensor:
        """Return values, (B,), of images, (B, 3, H, W) float32 in [0, 255]."""

    def _tensor(self, images: np.ndarray) -> Tensor:
        return torch.from_numpy(images).to(self._device).permute(0, 3, 1, 2).float()


class Psnr(PixelMetric):
    """Peak signal-to-noise ratio in dB, over all pixels and channels; infinite for the input itself."""

    name = "psnr/native"
    heading = "PSNR"
    bounds = (0.0, None)
    rank = 4

    def _compare(self, edited: Tensor, source: Tensor) -> Tensor:
        return peak_signal_noise_ratio(edited, source, data_range=255.0, dim=(1, 2, 3), reduction="none")


class Ssim(PixelMetric):
    """Structural similarity, mean over pixels and the three channels; 1 for the input itself."""

    name = f"ssim/gaussian{SSIM_WINDOW}/native"
    heading = "SSIM"
    bounds = (-1.0, 1.0)
    rank = 3

    def score(self, reference: Reference, images: np.ndarray) -> np.ndarray:
        """Return one value an image, (N,) float64.

        Raises:
            PairError: images are smaller than the window.
        """
        check_images(reference, images)
        if min(images.shape[1:3]) < SSIM_WINDOW:
            height, width = images.shape[1:3]
            raise PairError(f"SSIM cannot compare images of {width}×{height} pixels. Give dataset.size=64 or more.")
        return super().score(reference, images)

    def _compare(self, edited: Tensor, source: Tensor) -> Tensor:
        similarity = structural_similarity_index_measure(edited, source, data_range=255.0, reduction="none")
        assert isinstance(similarity, Tensor)  # a tuple only if the full map is requested
        return similarity
