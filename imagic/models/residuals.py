"""Reading and changing the residual branches of a network (as Plug-and-Play does, Tumanyan et al., arXiv 2211.12572)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn

from imagic.models.control import Control, Layer, layers


class ResidualControl(Control):
    """Reads and changes what ResNet blocks add to their input."""

    def features(self, layer: Layer, h: Tensor) -> Tensor:
        """Return the branch's output (B, C, h, w), before it is added to the block's input, or another in its place."""
        return h


@contextmanager
def hooked_residuals(network: Any, name: str, control: ResidualControl) -> Iterator[None]:
    """Route residual branches through a control; see :meth:`imagic.models.base.DiffusionModel.residuals`."""
    blocks = {path: block for path, block in network.named_modules() if isinstance(block, ResnetBlock2D)}
    with ExitStack() as stack:
        for layer in layers(((path, "residual") for path in blocks), len(network.config.down_block_types)):
            if control.wants(layer):
                # a branch ends with its second convolution
                handle = blocks[layer.name].conv2.register_forward_hook(_hook(layer, control))
                stack.callback(handle.remove)
        yield


def _hook(layer: Layer, control: ResidualControl) -> Any:
    def change(_: nn.Module, __: Any, out: Tensor) -> Tensor:
        return control.features(layer, out)

    return change
