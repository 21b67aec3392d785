"""Controls of a network from outside: the layer they are called at, and what the network predicts at that moment."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Place = Literal["down", "mid", "up"]
Kind = Literal["self", "cross", "residual", "joint", "single"]


@dataclass(frozen=True)
class Layer:
    """A layer of a UNet, or of a transformer.

    Attributes:
        name: of its module in the network.
        kind: "self" or "cross" for a UNet's attention, "residual" for the branch of a ResNet block; "joint" for a transformer's
            attention of image and text with weights of their own, "single" for one with common weights.
        place: the half of the network, or its middle.
        index: number among the layers of its kind and place, from the network's input on.
        factor: side of the latents divided by the side of this layer's features: 1, 2, 4, …; of FLUX's, that of its packed latents
    """

    name: str
    kind: Kind
    place: Place
    index: int
    factor: int


@dataclass(frozen=True)
class Moment:
    """The meaning of the rows of a network's batch.

    Attributes:
        step: number of the sampler's step, 0 at the noise.
        steps: how many there are.
        rows: of each (branch, role): branches are numbered as the sampler was given them, the role is "null" for the
            empty text, "text" for the branch's text, and "text 1", "text 2", … for further ones.
    """

    step: int
    steps: int
    rows: Mapping[tuple[int, str], slice]


class Control:
    """The base of what a ``with`` block puts into a network.

    Attributes:
        moment: what is predicted now; None while no sampler has announced it.
    """

    moment: Moment | None = None

    def wants(self, layer: Layer) -> bool:
        """Return True for the layers that the control is called at; all of them by default."""
        return True

    def rows(self, branch: int, role: str = "text") -> slice:
        """Return the rows of the batch that belong to a branch in a role.

        Raises:
            KeyError: no sampler has announced such rows.
        """
        if self.moment is None:
            raise KeyError("no sampler has announced the rows of its batch")
        return self.moment.rows[branch, role]


def layers(names: Iterable[tuple[str, Kind]], blocks: int) -> list[Layer]:
    """Return the layers of a UNet in the given order, numbered.

    Args:
        names: of modules, such as "down_blocks.1.attentions.0", with their kinds; within a place in the order of
            computation.
        blocks: number of the network's down blocks, each but the last of which halves the features.
    """
    found, seen = [], Counter[tuple[str, str]]()
    for name, kind in names:
        match = re.match(r"(down|mid|up)_blocks?(?:\.(\d+))?\.", name)
        if match is None:
            continue
        place: Place = match[1]  # type: ignore[assignment]
        block = int(match[2] or 0)
        level = {"down": block, "mid": blocks - 1, "up": blocks - 1 - block}[place]
        found.append(Layer(name, kind, place, seen[kind, place], 2**level))
        seen[kind, place] += 1
    return found
