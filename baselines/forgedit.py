"""Forgedit (Zhang et al., arXiv 2309.10556): text and network fitted together, then texts combined and weights forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any, ClassVar, Literal

from torch import Tensor

from baselines.forgetting import GROUPS, forgotten
from imagic.finetune import Stop, finetune, tunable
from imagic.models.base import TextToImage
from imagic.models.batched import Row
from imagic.models.sampling import ddim
from imagic.models.text import Text
from imagic.tuning import FINETUNE, SAMPLING, TunedEdit, TuningEditor
from tedbench.method import Axis, Description, Progress
from tedbench.pair import EditPair
from tedbench.seeding import generator
from tedbench.settings import Amount, Natural, checked, checked_block


def ratios(e_tgt: Tensor, e_src: Tensor) -> Tensor:
    """Return r = ⟨e_tgt, e_src⟩ / ‖e_src‖² of each row: (…, D) and (…, D) to (…, 1)."""
    return (e_tgt * e_src).sum(-1, keepdim=True) / e_src.square().sum(-1, keepdim=True).clamp_min(1e-12)


def project(e_src: Text, e_tgt: Text, alpha: float, beta: float) -> Text:
    """Return α · e_src + β · e_edit, where e_edit is the part of e_tgt at right angles to e_src, row by row."""
    return e_src.combine(e_tgt, lambda src, tgt: alpha * src + beta * (tgt - ratios(tgt, src) * src))


class Forgedit(TuningEditor):
    """Forgedit; its strength is β, the weight of what the target text adds to the source text.

    The source text's embedding and the network are fitted to the input in the same steps. At β = 0 the fitted text
    alone is sampled, which gives the input back as far as it was learnt. With ``combine`` subtraction β mixes the two
    texts, as Imagic's η does.
    """

    needs: tuple[str, ...] = ("source_text",)
    axis = Axis("beta", "β", (0.0, 0.5, 0.8, 1.0, 1.2, 1.5, 2.0), least=0.0)
    cost: ClassVar[str] = "3n + 2N"

    def __init__(
        self,
        model: TextToImage,
        *,
        finetune: Mapping[str, Any],
        sampling: Mapping[str, Any],
        alpha: Amount = 0.7,
        combine: Literal["projection", "subtraction"] = "projection",
        forget: str = "none",
        seed: int = 0,
        sample_batch: int = 16,
    ) -> None:
        """
        Args:
            model: any text-to-image model of :mod:`imagic.models`.
            finetune: of the joint fit: ``steps``, ``lr`` of the network and ``text_lr`` of the embedding, ``draws``,
                ``decay``, ``empty``, ``weights`` (see :func:`imagic.finetune.finetune`); ``stop_loss``, below which it
                ends, and ``stop_after``, the number of draws before which it does not. 0 steps leave text and network.
            sampling: ``steps`` of DDIM and ``guidance``.
            alpha: α, the weight of the fitted source text; subtraction has none.
            combine: ``projection`` or ``subtraction`` of the two texts.
            forget: name of a group of weights in :data:`baselines.forgetting.GROUPS`, as pretrained while sampling.
            seed: of the whole run; every draw derives from it, the pair and the purpose.
            sample_batch: how many images are generated at a time; the last batch is filled up.
        """
        super().__init__(model, seed=seed, sample_batch=sample_batch)
        self._finetune, self.sampling, self.forget = _blocks(finetune, sampling, forget)
        self.alpha, self.combine = float(alpha), combine
        self._stop = Stop(self._finetune.pop("stop_loss"), self._finetune.pop("stop_after"))
        self._forgotten = forgotten(self.forget, self.pretrained.state)
        tunable(model.network, self._finetune["weights"])  # raises if there are none
        model.process.schedule(self.sampling["steps"])  # raises for too many

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        _blocks(settings["finetune"], settings["sampling"], settings.get("forget", "none"))
        return super().describe(settings)

    def tune(self, pair: EditPair, progress: Progress) -> ForgeditEdit:
        x0 = self.model.encode_image(pair.image)
        e_src = self.model.encode_text([pair.source_text or ""])
        rng = generator(self.seed, pair.id, "fine-tuning")
        settings = {**self._finetune, "e_null": self.null, "stop": self._stop}
        e_src = finetune(self.model, x0, e_src, rng=rng, progress=progress, **settings)
        return ForgeditEdit(self, pair, e_src)

    def make(self, rows: Sequence[Row]) -> Tensor:
        """Generate. A seed's initial noise is the same for every β."""
        self.require_open(rows)
        x_T = self.noise(rows, "initial noise")  # noqa: N806
        e = Text.cat([self.text_at(row.edit, row.strength) for row in rows])
        with self.pretrained.part_restored(self._forgotten) if self._forgotten is not None else nullcontext():
            return ddim(self.model, x_T, e, self.null, **self.sampling)

    def text_at(self, edit: ForgeditEdit, beta: float) -> Text:
        """Return the embedding that is sampled at a β."""
        if self.combine == "projection":
            return project(edit.e_src, edit.e_tgt, self.alpha, beta)
        return edit.e_src.lerp(edit.e_tgt, beta)


def _blocks(
    finetune: Mapping[str, Any], sampling: Mapping[str, Any], forget: str
) -> tuple[dict[str, Any], dict[str, Any], str]:
    kinds = {**FINETUNE, "text_lr": Amount, "stop_loss": Amount, "stop_after": Natural}
    return (
        checked_block("recipe.forgedit.finetune", finetune, **kinds),
        checked_block("recipe.forgedit.sampling", sampling, **SAMPLING),
        checked("method.forget", forget, Literal[tuple(GROUPS)]),
    )


class ForgeditEdit(TunedEdit):
    """A fitted pair: e_tgt and the fitted e_src; the network's weights stay in the editor's model."""

    def __init__(self, editor: Forgedit, pair: EditPair, e_src: Text) -> None:
        super().__init__(editor, pair)
        self.e_tgt, self.e_src = self.text, e_src
