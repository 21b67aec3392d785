"""MasaCtrl (Cao et al., arXiv 2304.08465): the target branch's self-attention looks at the input's keys and values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from baselines.branches import TARGET, are_predicted, in_first, sources, taken
from baselines.inversion import InversionEditor, SourceEdit, paths
from imagic.models.attention import AttentionControl, attention_layers
from imagic.models.base import TextToImage
from imagic.models.batched import Row, texts
from imagic.models.control import Layer
from imagic.models.lockstep import Branch, sample_branches
from tedbench.errors import UserError
from tedbench.method import Axis, Description, NeedsIf, needs_with
from tedbench.pair import EditPair
from tedbench.settings import Amount, Count, checked, checked_block

Source = Literal["empty", "source_text"]


class MasaCtrl(InversionEditor):
    """MasaCtrl; its strength is the part of the first steps that are taken without control.

    The input is inverted with DDIM, and the target text decoded from x_T. From a step on the target's queries look at the
    keys and values of the inversion in the decoder's self-attention, so that poses change and looks stay. At strength 1
    there is no control; 0 keeps as much as the method can, which is not the input itself.
    """

    needs_if: ClassVar[NeedsIf] = {"source": {"source_text": ("source_text",)}}
    axis = Axis("free", "S / N", (0.0, 0.08, 0.2, 0.4, 0.6, 1.0), least=0.0, most=1.0)
    cost: ClassVar[str] = "N + 3N"

    def __init__(
        self,
        model: TextToImage,
        *,
        sampling: Mapping[str, Any],
        most_factor: int,
        source: Source = "empty",
        seed: int = 0,
        sample_batch: int = 16,
        fit_batch: int = 1,
    ) -> None:
        """
        Args:
            model, seed, sample_batch, fit_batch: see :class:`~baselines.inversion.InversionEditor`.
            sampling: ``steps`` of DDIM, each way, and ``guidance`` of the target text.
            most_factor: decoder layers are controlled whose features are smaller than the latents by this factor or less.
            source: the inversion's text, empty as in the paper's code or the pair's own.

        Raises:
            UserError: the network has no such layers.
        """
        self.sampling = _checked(sampling, most_factor, source)
        super().__init__(model, steps=self.sampling["steps"], seed=seed, sample_batch=sample_batch, fit_batch=fit_batch)
        self.source, self.most_factor = source, most_factor
        self.needs = needs_with(self.needs, self.needs_if, {"source": source})
        wanted = MutualAttention([], most_factor).wants
        if not any(map(wanted, attention_layers(model.network))):
            raise UserError(
                f"{model.name} has no self-attention in its decoder with features of 1/{most_factor} of the latents' side or "
                "more. Give a greater recipe.masactrl.most_factor."
            )

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        _checked(settings["sampling"], settings["most_factor"], settings.get("source", "empty"))
        return super().describe(settings)

    def inversion_text(self, pair: EditPair) -> str:
        return (pair.source_text or "") if self.source == "source_text" else ""

    def open(self, pair: EditPair, path: list[Tensor]) -> SourceEdit:
        return SourceEdit(self, pair, path)

    def make(self, rows: Sequence[Row]) -> Tensor:
        """Decode the target beside the inversion, whose branch is put back on it at every step."""
        path, text = paths(rows), texts(rows)
        guidance = self.sampling["guidance"]
        source = Branch(sources(rows), forced=path)
        if self.source == "source_text":  # then the halves of guidance are kept apart
            source = replace(source, guidance=guidance, null=self.null)
        branches = [Branch(text, guidance, self.null), source]
        with self.model.attention(MutualAttention([row.strength for row in rows], self.most_factor)):
            return sample_branches(self.model, [path[0]] * 2, branches, steps=self.steps)[TARGET]


class MutualAttention(AttentionControl):
    """Gives the target branch the source branch's keys and values in the decoder's self-attention, from a step on."""

    def __init__(self, free: Sequence[float], most_factor: int) -> None:
        """
        Args:
            free: for each image the part of the first steps without control, 0 to 1.
            most_factor: see :class:`MasaCtrl`.
        """
        self._free, self._factor = torch.tensor(free), most_factor

    def wants(self, layer: Layer) -> bool:
        return layer.kind == "self" and layer.place == "up" and layer.factor <= self._factor

    def projections(self, layer: Layer, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if not are_predicted(self):
            return q, k, v
        on = ~in_first(self._free, self)
        return q, taken(self, k, on), taken(self, v, on)


def _checked(sampling: Mapping[str, Any], most_factor: Any, source: Any) -> dict[str, Any]:
    checked("method.most_factor", most_factor, Count)
    checked("method.source", source, Source)
    return checked_block("recipe.masactrl.sampling", sampling, steps=Count, guidance=Amount)
