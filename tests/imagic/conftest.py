"""Models for the contract between methods and models."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from diffusers import DDIMScheduler, FlowMatchEulerDiscreteScheduler

from imagic.models.base import DiffusionModel
from imagic.models.flow import Flow
from imagic.models.process import Process, VariancePreserving
from imagic.models.text import Text

STD = 0.5


class Gaussian(DiffusionModel):
    """The best possible model of images that are normal with a text's mean: its prediction is known in closed form."""

    def __init__(self, process: Process) -> None:
        super().__init__(torch.nn.Identity(), process, name="gaussian", device="cpu", dtype="float32")

    def encode(self, *means: float) -> Text:
        """A text for each mean."""
        return Text(torch.tensor(means).reshape(-1, 1, 1))

    def predict(self, x_t, t, text):
        alpha, sigma = self.process.scales(t)
        mean = text.tokens.reshape(-1, 1, 1, 1)
        spread = alpha**2 * STD**2 + sigma**2
        x0 = mean + alpha * STD**2 / spread * (x_t - alpha * mean)
        eps = sigma / spread * (x_t - alpha * mean)
        return self.process.target(x0, eps, t)


def vp(prediction: str = "epsilon", **changes: object) -> VariancePreserving:
    settings = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.02, "clip_sample": False}
    settings |= {"timestep_spacing": "trailing", "prediction_type": prediction}
    return VariancePreserving(DDIMScheduler(**settings | changes), "toy", torch.device("cpu"))


def flow(shift: float = 1.0) -> Flow:
    return Flow(FlowMatchEulerDiscreteScheduler(shift=shift), "toy", torch.device("cpu"))


PROCESSES = {
    "epsilon": vp,
    "v": lambda: vp("v_prediction"),
    "alpha to one": lambda: vp(set_alpha_to_one=True),
    "leading": lambda: vp(timestep_spacing="leading", steps_offset=1, set_alpha_to_one=False),
    "flow": flow,
    "shifted flow": lambda: flow(3.0),
}


@pytest.fixture(params=PROCESSES)
def process(request) -> Process:
    """Each noise process."""
    return PROCESSES[request.param]()


@pytest.fixture
def gaussian(process) -> Gaussian:
    """A model in closed form on each noise process."""
    return Gaussian(process)


@pytest.fixture
def flow_gaussian() -> Gaussian:
    """A model in closed form on a flow."""
    return Gaussian(flow())


@pytest.fixture(scope="session")
def noise() -> Callable[..., torch.Tensor]:
    """Standard normal (count, 4, 8, 8) from a seed."""

    def make(seed: int = 0, count: int = 1) -> torch.Tensor:
        return torch.randn(count, 4, 8, 8, generator=torch.Generator().manual_seed(seed))

    return make
