"""RF-Inversion (Rout et al., arXiv 2410.10792): an inversion drawn towards noise, a decoding drawn towards the input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor

from imagic.models.base import TextToImage
from imagic.models.batched import BatchedEdit, BatchedEditor, Row, texts
from imagic.models.flow import require_flow
from imagic.models.sampling import guided
from tedbench.method import Axis, Description, Progress, Randomness, silent
from tedbench.pair import EditPair
from tedbench.settings import Amount, Count, Share, checked_block


class RFInversion(BatchedEditor):
    """RF-Inversion; its strength is 1 − η, where η is the weight of the pull towards the input.

    At 0, and with ``stop`` 1, the input comes back up to rounding, whatever the text; with the authors' ``stop`` the last
    steps are free at every strength.
    """

    randomness: ClassVar[Randomness] = "sample"
    shares: ClassVar[bool] = True
    axis = Axis("release", "1 − η", (0.0, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0), least=0.0, most=1.0)
    cost: ClassVar[str] = "N + 2N"

    def __init__(
        self,
        model: TextToImage,
        *,
        sampling: Mapping[str, Any],
        gamma: Share = 0.5,
        start: Share = 0.0,
        stop: Share = 0.25,
        seed: int = 0,
        sample_batch: int = 16,
    ) -> None:
        """
        Args:
            model: a flow model; it stays as pretrained.
            sampling: ``steps`` each way, ``guidance`` of the target text, and ``source_guidance`` of the empty text during the
                inversion, which only a distilled model is told.
            gamma: γ, the weight of the pull towards noise during the inversion (algorithm 1).
            start, stop: parts of the steps between which the decoding is drawn towards the input (algorithm 2).
            seed: of the whole run; every draw derives from it, the pair and the purpose.
            sample_batch: how many images are generated at a time; the last batch is filled up.

        Raises:
            UserError: the model is no flow.
        """
        require_flow(model, type(self).__name__)
        super().__init__(model, seed=seed, sample_batch=sample_batch)
        self.sampling = _sampling(sampling)
        self.gamma, self.start, self.stop = float(gamma), float(start), float(stop)

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        _sampling(settings["sampling"])
        return super().describe(settings)

    def fit(self, pair: EditPair, progress: Progress = silent) -> RFInversionEdit:
        """Encode image and text; the input is inverted for each seed when the first image of it is generated.

        Raises:
            UserError: the pair has another size than the model.
        """
        self.model.require_size(pair)
        return RFInversionEdit(self, pair)

    @torch.no_grad()
    def invert(self, x0: Tensor, noise: Tensor) -> Tensor:
        """Return the noise of latents, (B, C, h, w), by the controlled forward equation (algorithm 1).

        The network is asked at the level of the shifted schedule where x is. (diffusers' community pipeline tells it the
        unshifted one.)
        """
        process, steps = self.model.process, self.sampling["steps"]
        x, levels = x0, process.schedule(steps).flip(0)
        for i, (t, s) in enumerate(pairwise(levels)):
            empty = self.null.expand(len(x))
            v = guided(
                self.model,
                x,
                t.repeat(len(x)),
                empty.guided(self.sampling["source_guidance"]) if self.model.distilled else empty,
                empty,
                1,
                step=steps - 1 - i,
                steps=steps,
            )
            x = x + (s - t) * (v + self.gamma * ((noise - x) / (1 - t) - v))
        return x

    @torch.no_grad()
    def make(self, rows: Sequence[Row]) -> Tensor:
        """Decode each row's noise (algorithm 2)."""
        process, steps = self.model.process, self.sampling["steps"]
        x0 = torch.cat([row.edit.x0 for row in rows])
        x = torch.cat([row.edit.inverted(row.seed) for row in rows])
        eta = torch.tensor([1 - row.strength for row in rows], device=x.device).reshape(-1, 1, 1, 1)
        first, end = int(self.start * steps), int(self.stop * steps)
        for i, (t, s) in enumerate(pairwise(process.schedule(steps))):
            guidance, at = self.sampling["guidance"], t.repeat(len(x))
            v = guided(self.model, x, at, texts(rows), self.null, guidance, step=i, steps=steps)
            if first <= i < end:
                v = v + eta * ((x - x0) / t - v)
            x = x + (s - t) * v
        return x


class RFInversionEdit(BatchedEdit):
    """A pair's latents, and its noise for the seeds that were sampled.

    Attributes:
        x0: the input's latents, (1, C, h, w).
    """

    def __init__(self, editor: RFInversion, pair: EditPair) -> None:
        super().__init__(editor, pair)
        self.x0 = editor.model.encode_image(pair.image).to(editor.model.device)
        self._inverted: dict[int, Tensor] = {}

    def inverted(self, seed: int) -> Tensor:
        """Return the input's noise for a seed, (1, C, h, w)."""
        if seed not in self._inverted:
            noise = torch.randn(self.x0.shape, generator=self.rng("noise", seed)).to(self.x0.device)
            self._inverted[seed] = self._editor.invert(self.x0, noise)
        return self._inverted[seed]


def _sampling(settings: Mapping[str, Any]) -> dict[str, Any]:
    kinds = {"steps": Count, "guidance": Amount, "source_guidance": Amount}
    return checked_block("recipe.rf_inversion.sampling", settings, **kinds)
