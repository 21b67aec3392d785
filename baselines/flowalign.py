"""FlowAlign (Kim et al., arXiv 2505.23145): FlowEdit with the source text as the negative one, and a pull to the input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from baselines.direct_flow_editor import DirectFlowEditor
from imagic.models.base import TextToImage
from imagic.models.lockstep import Branch, combined
from imagic.models.text import Text
from tedbench.errors import UserError
from tedbench.method import Description
from tedbench.settings import Amount, Count, checked_block


class FlowAlign(DirectFlowEditor):
    """FlowAlign; its strength is the part of the steps that is taken.

    With equal texts only the pull is left, which is zero while z is the input.
    """

    cost: ClassVar[str] = "0 + 3Ns"

    def __init__(
        self, model: TextToImage, *, sampling: Mapping[str, Any], seed: int = 0, sample_batch: int = 16
    ) -> None:
        """
        Args:
            model, seed, sample_batch: see :class:`~baselines.direct_flow_editor.DirectFlowEditor`.
            sampling: ``steps`` of the whole schedule, ``guidance`` of the target text against the source text, and ``pull`` ζ,
                the weight of the difference of the predicted images.

        Raises:
            UserError: the model is no flow, or takes the guidance as an input.
        """
        self.sampling = _sampling(sampling)
        super().__init__(model, steps=self.sampling["steps"], seed=seed, sample_batch=sample_batch)
        if model.distilled:
            raise UserError(
                f"FlowAlign guides against the source text, and {model.name} takes its guidance as an input. "
                "Give model=sd35, or method=flowedit."
            )

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        _sampling(settings["sampling"])
        return super().describe(settings)

    def move(self, step: int, x_t: Tensor, x_s: Tensor, t: Tensor, s: Tensor, text: Text, source: Text) -> Tensor:
        branches = [Branch(text, self.sampling["guidance"], source), Branch(source)]
        target, own = combined(self.model, [x_t, x_s], branches, t, step=step, steps=self.steps)
        process = self.model.process
        pull = process.x0_of(own, x_s, t) - process.x0_of(target, x_t, t)
        return (s - t) * (target - own) + self.sampling["pull"] * pull


def _sampling(settings: Mapping[str, Any]) -> dict[str, Any]:
    return checked_block("recipe.flowalign.sampling", settings, steps=Count, guidance=Amount, pull=Amount)
