"""FlowEdit (Kulikov et al., arXiv 2412.08629): the input moved along the difference of two velocities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from baselines.direct_flow_editor import DirectFlowEditor
from imagic.models.base import TextToImage
from imagic.models.batched import Row, texts
from imagic.models.lockstep import combined, first_step, text_branch
from imagic.models.sampling import guided, joined
from imagic.models.text import Text
from tedbench.errors import UserError
from tedbench.method import Description
from tedbench.settings import Amount, Count, Natural, checked_block


class FlowEdit(DirectFlowEditor):
    """FlowEdit; its strength is n_max / T, the part of the steps that is taken.

    z moves by V(x_t, target text) − V(x_s, source text), each with a guidance of its own, so that equal texts return the
    input only with equal guidance.
    """

    cost: ClassVar[str] = "0 + 4Ns"

    def __init__(
        self, model: TextToImage, *, sampling: Mapping[str, Any], seed: int = 0, sample_batch: int = 16
    ) -> None:
        """
        Args:
            model, seed, sample_batch: see :class:`~baselines.direct_flow_editor.DirectFlowEditor`.
            sampling: ``steps`` T of the whole schedule, ``guidance`` of the target text, ``source_guidance``, ``averages``
                n_avg, and ``last``, n_min: number of the last steps that sample the target text in the usual way.

        Raises:
            UserError: the model is no flow.
        """
        self.sampling = _sampling(sampling)
        settings = {key: self.sampling[key] for key in ("steps", "averages")}
        super().__init__(model, **settings, seed=seed, sample_batch=sample_batch)

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        _sampling(settings["sampling"])
        return super().describe(settings)

    def move(self, step: int, x_t: Tensor, x_s: Tensor, t: Tensor, s: Tensor, text: Text, source: Text) -> Tensor:
        branches = [
            text_branch(self.model, text, self.sampling["guidance"], self.null),
            text_branch(self.model, source, self.sampling["source_guidance"], self.null),
        ]
        target, own = combined(self.model, [x_t, x_s], branches, t, step=step, steps=self.steps)
        return (s - t) * (target - own)

    @torch.no_grad()
    def make(self, rows: Sequence[Row]) -> Tensor:
        last = self.steps - self.sampling["last"]
        start = [first_step(row.strength, self.steps) for row in rows]
        x0 = torch.cat([row.edit.x0 for row in rows])
        z = self.moved(rows, x0, start, last)
        process, levels = self.model.process, self.model.process.schedule(self.steps)
        enter = [max(first, last) for first in start]
        for i in range(last, self.steps):
            x_s = process.mix(x0, self.noise(rows, "step noise", i, 0).to(x0.device), levels[i])
            begins = [first == i for first in enter]
            z = torch.where(torch.tensor(begins, device=z.device)[:, None, None, None], z + (x_s - x0), z)
            t = levels[i].repeat(len(rows))
            guidance = self.sampling["guidance"]
            out = guided(self.model, z, t, texts(rows), self.null, guidance, step=i, steps=self.steps)
            z = joined(process.step(z, out, levels[i], levels[i + 1]), z, i, enter)
        return z


def _sampling(settings: Mapping[str, Any]) -> dict[str, Any]:
    kinds = {"steps": Count, "guidance": Amount, "source_guidance": Amount, "averages": Count, "last": Natural}
    found = checked_block("recipe.flowedit.sampling", settings, **kinds)
    if found["last"] > found["steps"]:
        raise UserError(
            f"recipe.flowedit.sampling.last is {found['last']}. It must be at most steps, {found['steps']}."
        )
    return found
