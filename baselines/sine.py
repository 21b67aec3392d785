"""SINE (Zhang et al., arXiv 2212.04489): a network fine-tuned on the input guides the pretrained one at high noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy, deepcopy
from typing import Any, ClassVar

import torch
from torch import Tensor

from imagic.finetune import finetune, tunable
from imagic.models.base import TextToImage
from imagic.models.batched import Row, texts
from imagic.models.control import Moment
from imagic.models.mixture import Mixture
from imagic.models.sampling import ddim
from imagic.models.text import Text
from imagic.snapshot import Snapshot
from imagic.tuning import FINETUNE, SAMPLING, TunedEdit, TuningEditor
from tedbench.errors import UserError
from tedbench.method import Axis, Description, Progress
from tedbench.pair import EditPair
from tedbench.seeding import generator
from tedbench.settings import Share, checked_block

KINDS = {name: kind for name, kind in FINETUNE.items() if name != "empty"}  # it predicts no empty text


class Guide(Mixture):
    """The pretrained network, whose predictions for a text are mixed with the fine-tuned network's for the source text.

    The prediction for the empty text is the pretrained network's alone.
    """

    def __init__(self, pretrained: TextToImage, tuned: TextToImage, source: Text, beta: Tensor, until: int) -> None:
        """
        Args:
            pretrained, tuned: the two networks, on one process.
            source: the source text, one for all images.
            beta: β₁ of each image, the pretrained network's weight, (B,).
            until: number of the step from which on the pretrained network is alone.
        """
        super().__init__([(pretrained, 1.0, None), (tuned, 1.0, source)])
        self._pretrained, self._tuned, self._source, self._until = pretrained, tuned, source, until
        self._beta = beta.to(pretrained.device).reshape(-1, 1, 1, 1)
        self._now: Moment | None = None

    def announce(self, moment: Moment) -> None:
        self._now = moment
        super().announce(moment)

    def predict(self, x_t: Tensor, t: Tensor, text: Text) -> Tensor:
        out = self._pretrained.predict(x_t, t, text)
        if self._now is None or self._now.step >= self._until:
            return out
        rows = self._now.rows[0, "text"]
        guide = self._tuned.predict(x_t[rows], t[rows], self._source.expand(len(x_t[rows])))
        out = out.clone()
        out[rows] = self._beta * out[rows] + (1 - self._beta) * guide
        return out


class SINE(TuningEditor):
    """SINE; its strength is β₁, the pretrained network's part of the prediction for the text.

    For the first ``guided`` of the steps that prediction is β₁ · ε(x, target) + (1 − β₁) · ε_tuned(x, source), against
    ε(x, "") in the guidance; then the pretrained network is alone with the target text. At β₁ = 0 the first steps
    follow what the fine-tuned network remembers of the input; the last ones follow the target text, so the input is
    not given back exactly. At 1 the result is the pretrained network's own sample.
    """

    needs: tuple[str, ...] = ("source_text",)
    axis = Axis("beta1", "β₁", (0.0, 0.2, 0.4, 0.6, 0.8), least=0.0, most=1.0)
    cost: ClassVar[str] = "3n + 3N"

    def __init__(
        self,
        model: TextToImage,
        *,
        finetune: Mapping[str, Any],
        sampling: Mapping[str, Any],
        guided: Share = 0.5,
        seed: int = 0,
        sample_batch: int = 16,
    ) -> None:
        """
        Args:
            model: any text-to-image model of :mod:`imagic.models`. A second copy of its network is kept for the
                pretrained weights.
            finetune: on the input and the source text: ``steps``, ``lr``, ``draws``, ``decay`` and ``weights``, see
                :func:`imagic.finetune.finetune`; 0 steps leave the network as pretrained.
            sampling: ``steps`` of DDIM and ``guidance``.
            guided: part of the steps, from the noise on, in which the fine-tuned network takes part.
            seed: of the whole run; every draw derives from it, the pair and the purpose.
            sample_batch: how many images are generated at a time; the last batch is filled up.

        Raises:
            UserError: the model is compiled.
        """
        self._finetune, self.sampling = _blocks(finetune, sampling)
        if model.compiled:
            raise UserError("A compiled network cannot be copied. Give numerics.compile=false with method=sine.")
        tunable(model.network, self._finetune["weights"])  # raises if there are none
        model.process.schedule(self.sampling["steps"])  # raises for too many
        self.original = copy(model)
        self.original.network = deepcopy(model.network)
        snapshot = Snapshot(model.network, twin=self.original.network)
        super().__init__(model, snapshot=snapshot, seed=seed, sample_batch=sample_batch)
        self._until = int(guided * self.sampling["steps"] + 0.5)

    @property
    def evaluations(self) -> int:
        return self.model.evaluations + self.original.evaluations

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        _blocks(settings["finetune"], settings["sampling"])
        return super().describe(settings)

    def tune(self, pair: EditPair, progress: Progress) -> SINEEdit:
        x0 = self.model.encode_image(pair.image)
        source = self.model.encode_text([pair.source_text or ""])
        rng = generator(self.seed, pair.id, "fine-tuning")
        finetune(self.model, x0, source, rng=rng, progress=progress, **self._finetune)
        return SINEEdit(self, pair, source)

    def make(self, rows: Sequence[Row]) -> Tensor:
        """Generate. A seed's initial noise is the same for every β₁."""
        self.require_open(rows)
        x_T = self.noise(rows, "initial noise")  # noqa: N806
        beta = torch.tensor([row.strength for row in rows])
        guide = Guide(self.original, self.model, rows[0].edit.source, beta, self._until)
        return ddim(guide, x_T, texts(rows), self.null, **self.sampling)


def _blocks(finetune: Mapping[str, Any], sampling: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    return (
        checked_block("recipe.sine.finetune", finetune, **KINDS),
        checked_block("recipe.sine.sampling", sampling, **SAMPLING),
    )


class SINEEdit(TunedEdit):
    """A fitted pair: its source text; the fine-tuned weights stay in the editor's model."""

    def __init__(self, editor: SINE, pair: EditPair, source: Text) -> None:
        super().__init__(editor, pair)
        self.source = source
