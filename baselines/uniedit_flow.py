"""UniEdit-Flow (Jiao et al., arXiv 2504.13109): a corrected inversion, and a decoding that moves where the texts differ."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from baselines.branches import sources
from baselines.inversion import InversionEdit, InversionEditor, paths
from imagic.models.base import TextToImage
from imagic.models.batched import Row, texts
from imagic.models.flow import require_flow
from imagic.models.flow_solvers import invert_by_correction
from imagic.models.lockstep import combined, text_branch
from imagic.models.sampling import joined
from imagic.models.text import Text
from tedbench.method import Axis, Description
from tedbench.pair import EditPair
from tedbench.settings import Amount, Count, checked_block

SLACK = 1e-9
"""Slack of a strength times the steps, so that 0.6 · 15 is 9."""
TINY = 1e-7
"""Denominator of a mask whose differences are all alike, as in the authors' code: such a mask is zero."""


class UniEditFlow(InversionEditor):
    """UniEdit-Flow; its strength is α, the part of the steps that is inverted and decoded again: 0 returns the input.

    Both texts are predicted at one x. The mean of their velocities' difference at each position (packed, if the model packs its latents),
    scaled to 0 … 1, is a mask that mixes the target's velocity with the source's, and ω (1 + mask) times the difference is added.
    """

    needs: tuple[str, ...] = ("source_text",)
    axis = Axis("alpha", "α", (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0), identity=0.0, least=0.0, most=1.0)
    cost: ClassVar[str] = "N + 2Ns"

    def __init__(
        self,
        model: TextToImage,
        *,
        sampling: Mapping[str, Any],
        omega: Amount = 5.0,
        mask: Literal["signed", "absolute"] = "signed",
        source: Literal["empty", "source_text"] = "empty",
        seed: int = 0,
        sample_batch: int = 16,
        fit_batch: int = 1,
    ) -> None:
        """
        Args:
            model: a flow model; it stays as pretrained.
            sampling: ``steps`` of the whole schedule, each way, and ``guidance`` of both texts.
            omega: ω, the weight of the texts' difference.
            mask: of the mean difference of the velocities: ``signed``, as in the authors' code for diffusers, so that it is 0
                where the mean is most negative; or ``absolute``, as in their code for FLUX.
            source: the text of the inversion: ``empty``, as in the authors' script, or ``source_text``.
            seed, sample_batch, fit_batch: see :class:`~baselines.inversion.InversionEditor`.

        Raises:
            UserError: the model is no flow.
        """
        require_flow(model, type(self).__name__)
        self.sampling, self.omega = _sampling(sampling), float(omega)
        self.mask, self.source = mask, source
        steps = self.sampling["steps"]
        super().__init__(model, steps=steps, seed=seed, sample_batch=sample_batch, fit_batch=fit_batch)

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        _sampling(settings["sampling"])
        return super().describe(settings)

    def inversion_text(self, pair: EditPair) -> str:
        return (pair.source_text or "") if self.source == "source_text" else ""

    def trajectory(
        self, pairs: Sequence[EditPair], x0: Tensor, text: Text, progress: Callable[[int], None]
    ) -> list[Tensor]:
        def velocity(step: int, x: Tensor, t: Tensor) -> Tensor:
            progress(step + 1)
            return self.model.predict(x, t.repeat(len(x)), text)

        return invert_by_correction(velocity, x0, self.model.process.schedule(self.steps).flip(0))

    def open(self, pair: EditPair, path: list[Tensor]) -> UniEditFlowEdit:
        return UniEditFlowEdit(self, pair, path)

    @torch.no_grad()
    def make(self, rows: Sequence[Row]) -> Tensor:
        """Decode each row's path from its own level. The seed has no effect."""
        model, levels, path = self.model, self.model.process.schedule(self.steps), paths(rows)
        start = [self.steps - math.floor(row.strength * self.steps + SLACK) for row in rows]  # as the authors round
        pair = [text_branch(model, text, self.sampling["guidance"], self.null) for text in (texts(rows), sources(rows))]
        x = path[min(start)]
        for i in range(min(start), self.steps):
            t, s = levels[i], levels[i + 1]
            target, own = combined(model, [x, x], pair, t, step=i, steps=self.steps)
            moved = x + (s - t) * self.velocity(target, own)
            x = joined(moved, path[i + 1], i, start)
        return x

    def velocity(self, target: Tensor, own: Tensor) -> Tensor:
        """Return the velocity of a step: the fused one plus ω (1 + mask) times the difference of both, (B, C, h, w).

        Args:
            target, own: velocities under target and source text.
        """
        difference = target - own
        mask = (difference.abs() if self.mask == "absolute" else difference).mean(1, keepdim=True)
        mask = F.avg_pool2d(mask, self.model.packing)
        least, most = (each(mask, dim=(1, 2, 3), keepdim=True) for each in (torch.amin, torch.amax))
        mask = F.interpolate((mask - least) / (most - least + TINY), scale_factor=self.model.packing)
        return mask * target + (1 - mask) * own + self.omega * (1 + mask) * difference


class UniEditFlowEdit(InversionEdit):
    """An inverted pair with its source text, under which it is decoded but not inverted.

    Attributes:
        source: the source text.
    """

    def __init__(self, editor: UniEditFlow, pair: EditPair, path: list[Tensor]) -> None:
        super().__init__(editor, pair, path)
        self.source = editor.model.encode_text([pair.source_text or ""])


def _sampling(settings: Mapping[str, Any]) -> dict[str, Any]:
    return checked_block("recipe.uniedit_flow.sampling", settings, steps=Count, guidance=Amount)
