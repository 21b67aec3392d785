"""Random variants of an image: of the input, for training; and of a result, for CLIP.

Every draw comes from torch's own CPU generator (see :func:`tedbench.seeding.seeded`).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision import transforms as T
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F

from baselines.text2live.settings import Augmentation, Views

WHITE = 1.0
"""Fill value outside the image in a rotated or tilted view."""


class InputVariants:
    """The internal dataset: the input jittered, flipped, scaled and cropped."""

    def __init__(self, settings: Augmentation) -> None:
        self.settings = settings
        self._colour = T.RandomApply([_jitter()], p=settings.jitter)
        self._flip = T.RandomHorizontalFlip(settings.flip)

    def __call__(self, image: Tensor) -> Tensor:
        """Return a variant: (1, 3, H, W) to (1, 3, h, w), both in [0, 1]."""
        variant = self._flip(self._colour(image))
        scale = _uniform(self.settings.scale_min, self.settings.scale_max)
        variant = F.resize(variant, [int(side * scale) for side in variant.shape[-2:]], antialias=True)
        return random_crop(variant, self.settings.crop)

    def least_side(self, side: int) -> int:
        """Return the smallest side that a variant of an image of this side can have."""
        return int(int(side * self.settings.scale_min) * self.settings.crop)


class ClipViews:
    """The views of an image that CLIP embeds: the whole and crops, each rotated, tilted and tinted a little."""

    def __init__(self, settings: Views, side: int) -> None:
        """
        Args:
            settings: number of views and size of crops.
            side: of CLIP's images.
        """
        self.settings, self.side = settings, side
        bilinear = InterpolationMode.BILINEAR
        self._distort = T.Compose(
            [
                T.RandomHorizontalFlip(0.5),
                T.RandomApply([T.RandomAffine(15, translate=(0.1, 0.1), interpolation=bilinear, fill=WHITE)], p=0.8),
                T.RandomPerspective(0.4, p=0.5, interpolation=bilinear, fill=WHITE),
                T.RandomApply([_jitter()], p=0.7),
                T.RandomGrayscale(0.15),
            ]
        )

    def __call__(self, image: Tensor) -> Tensor:
        """Return the views of an image: (1, 3, H, W) to (count, 3, side, side)."""
        views = []
        for number in range(self.settings.count):
            view = random_crop(image, self.settings.crop) if number else image
            views.append(self._distort(F.resize(view, [self.side, self.side], antialias=True)))
        return torch.cat(views)


def random_crop(image: Tensor, least: float) -> Tensor:
    """Crop a random fraction from ``least`` to 1 of each side, at a random place."""
    share = _uniform(least, 1)
    return T.RandomCrop([int(side * share) for side in image.shape[-2:]])(image)


def _jitter() -> T.ColorJitter:
    return T.ColorJitter(brightness=0.1, contrast=0.1, saturation=0.1, hue=0.1)


def _uniform(low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand(()))
