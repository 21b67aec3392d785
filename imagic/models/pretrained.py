"""The base of what methods are built on: models of our own, and whole pipelines of diffusers."""

from __future__ import annotations

from abc import ABC
from typing import TYPE_CHECKING

from tedbench.errors import UserError

if TYPE_CHECKING:
    from tedbench.pair import EditPair


class Pretrained(ABC):
    """Weights that a configuration's ``model`` loads.

    Attributes:
        name: the model's name in run folders.
        image_size: side of the images it takes and makes, in pixels.
        evaluations: number of images that went through the network since the model was loaded; an image with a gradient
            counts three times, since a backward pass costs two forward passes.
    """

    name: str
    image_size: int
    evaluations: int = 0

    def require_size(self, pair: EditPair) -> None:
        """Raise UserError unless the pair has the size of the model's images."""
        if pair.image.shape[0] != self.image_size:
            raise UserError(
                f"The pair {pair.id} is {pair.image.shape[0]}² and the model {self.name} takes {self.image_size}². "
                f"Give dataset.size={self.image_size}."
            )
