"""Two networks' predictions mixed (as in SINE, Zhang et al., arXiv 2212.04489)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from imagic.models.base import DiffusionModel
from imagic.models.control import Moment
from imagic.models.text import Text
from tedbench.errors import UserError


class Mixture(DiffusionModel):
    """A weighted sum of the predictions of several models on one process, to sample with like any other model.

    Each model may have a text of its own: then a sampler's text is that of the models that have none.
    """

    def __init__(self, parts: Sequence[tuple[DiffusionModel, float, Text | None]]) -> None:
        """
        Args:
            parts: models, their weights, and their own text, one for all images, or None.

        Raises:
            UserError: the models' processes or devices differ.
        """
        (first, _, _), *others = parts
        for other, _, _ in others:
            if type(other.process) is not type(first.process) or other.device != first.device:
                raise UserError(f"{first.name} and {other.name} cannot be mixed: their noise processes differ.")
        self.name = "+".join(model.name for model, _, _ in parts)
        self.device, self.process, self.network = first.device, first.process, first.network
        self.compiled = any(model.compiled for model, _, _ in parts)
        self._dtype, self._controls, self._parts = first._dtype, first._controls, parts

    def predict(self, x_t: Tensor, t: Tensor, text: Text) -> Tensor:
        return sum(  # type: ignore[return-value]
            weight * model.predict(x_t, t, text if own is None else own.expand(len(x_t)))
            for model, weight, own in self._parts
        )

    def announce(self, moment: Moment) -> None:
        for model, _, _ in self._parts:
            model.announce(moment)
