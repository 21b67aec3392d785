"""Models whose best prediction is known, for the methods."""

from __future__ import annotations

import pytest
import torch

from tests.imagic.conftest import Gaussian, vp


@pytest.fixture
def gaussian_vp() -> Gaussian:
    """The best possible model of normal images, on the schedule of Stable Diffusion."""
    return Gaussian(vp())


@pytest.fixture
def noise() -> torch.Tensor:
    """Standard normal (1, 4, 8, 8)."""
    return torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
