"""DDIB (Su et al., arXiv 2203.08382): the image's noise under the source text, decoded under the target text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from baselines.inversion import InversionEdit, InversionEditor
from imagic.models.base import TextToImage
from imagic.models.batched import Row, texts
from imagic.models.flow import require_flow
from imagic.models.flow_solvers import sample_flow
from imagic.models.sampling import ddim
from tedbench.method import Axis, Description
from tedbench.pair import EditPair
from tedbench.settings import Count, checked_block


class DDIB(InversionEditor):
    """DDIB; its strength is the decoder's guidance.

    Two deterministic DDIM passes over the same timesteps: from the input to x_T under the *source* text at guidance 1,
    and from x_T to an image under the *target* text. With one text for both, guidance 1 returns the input, up to the
    error of the steps.
    """

    needs: tuple[str, ...] = ("source_text",)
    axis = Axis("guidance", "guidance", (1.0, 2.0, 3.0, 4.0, 5.0), least=0.0)
    cost: ClassVar[str] = "N + 2N"

    def __init__(
        self,
        model: TextToImage,
        *,
        sampling: Mapping[str, Any],
        solver: Literal["ddim", "midpoint", "fireflow"] = "ddim",
        seed: int = 0,
        sample_batch: int = 16,
        fit_batch: int = 1,
    ) -> None:
        """
        Args:
            model, seed, sample_batch, fit_batch: see :class:`~baselines.inversion.InversionEditor`.
            sampling: ``steps``, each way.
            solver: ``ddim``, which on a flow is Euler's method; on a flow ``midpoint`` or ``fireflow``, see
                :data:`~imagic.models.flow_solvers.FlowSolver`.

        Raises:
            UserError: a flow's solver on another model.
        """
        if solver != "ddim":
            require_flow(model, f"method.solver={solver}")
        self.solver = solver
        super().__init__(model, **_sampling(sampling), seed=seed, sample_batch=sample_batch, fit_batch=fit_batch)

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        _sampling(settings["sampling"])
        return super().describe(settings)

    def open(self, pair: EditPair, path: list[Tensor]) -> InversionEdit:
        return InversionEdit(self, pair, path[:1])

    def make(self, rows: Sequence[Row]) -> Tensor:
        """Decode x_T at each guidance. The seed has no effect."""
        x_T = torch.cat([row.edit.path[0] for row in rows])  # noqa: N806
        guidance = torch.tensor([row.strength for row in rows])
        if self.solver != "ddim":
            return sample_flow(
                self.model, x_T, texts(rows), self.null, steps=self.steps, guidance=guidance, solver=self.solver
            )
        return ddim(self.model, x_T, texts(rows), self.null, steps=self.steps, guidance=guidance)


def _sampling(sampling: Mapping[str, Any]) -> dict[str, Any]:
    return checked_block("recipe.ddib.sampling", sampling, steps=Count)
