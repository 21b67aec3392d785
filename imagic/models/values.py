"""Reading and changing the values of a transformer's attention (as RF-Solver-Edit does, Wang et al., arXiv 2411.04746)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor

from imagic.models.control import Control, Kind, Layer, Place
from tedbench.errors import UserError

PROJECTIONS = ("to_v", "add_v_proj")
"""Modules that make the values: of the image's positions, and of the text's where they have weights of their own."""
KINDS: dict[Kind, str] = {"joint": "transformer_blocks", "single": "single_transformer_blocks"}
"""Lists of a transformer's blocks by the kind of their attention."""


class ValueControl(Control):
    """Reads and changes the values of a transformer's attention; a subclass overrides the method."""

    def values(self, layer: Layer, v: Tensor) -> Tensor:
        """Return values to use in place of the given ones.

        Args:
            layer: where; "joint" attention has image and text with weights of their own and calls this for each, "single"
                attention has one sequence of both.
            v: (B, L, D), the rows of the network's batch first, see :meth:`Control.rows`; it may be changed in place.
        """
        return v


def value_layers(network: Any) -> list[Layer]:
    """Return a transformer's layers of attention to the text, in the order of computation; its second half is "up"."""
    names: list[tuple[str, Kind]] = []
    for kind, blocks in KINDS.items():
        names += [(f"{blocks}.{i}.attn", kind) for i in range(len(getattr(network, blocks, ())))]
    found, seen = [], Counter[tuple[str, str]]()
    for number, (name, kind) in enumerate(names):
        place: Place = "down" if number < len(names) / 2 else "up"
        found.append(Layer(name, kind, place, seen[kind, place], network.config.patch_size))
        seen[kind, place] += 1
    return found


@contextmanager
def hooked_values(network: Any, name: str, control: ValueControl) -> Iterator[None]:
    """Route the values of a network's attention through a control; see :meth:`imagic.models.base.DiffusionModel.values`.

    Raises:
        UserError: the network is no transformer of Stable Diffusion 3 or FLUX.
    """
    layers = value_layers(network)
    if not layers:
        raise UserError(
            f"{name} is no transformer, whose values could be controlled. Give model=picturebook_flow, sd35 or flux."
        )
    with ExitStack() as stack:
        for layer in filter(control.wants, layers):
            attention = network.get_submodule(layer.name)
            for projection in PROJECTIONS:
                if getattr(attention, projection, None) is not None:
                    hook = lambda module, inputs, v, layer=layer: control.values(layer, v)
                    stack.callback(getattr(attention, projection).register_forward_hook(hook).remove)
        yield
