"""Plug-and-Play diffusion features (Tumanyan et al., arXiv 2211.12572): the input's features in the target's decoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from baselines.branches import TARGET, are_predicted, in_first, taken
from baselines.inversion import InversionEditor, paths
from imagic.models.attention import AttentionControl
from imagic.models.base import TextToImage
from imagic.models.batched import Row, texts
from imagic.models.control import Layer
from imagic.models.lockstep import Branch, sample_branches
from imagic.models.residuals import ResidualControl
from tedbench.errors import UserError
from tedbench.method import Axis, Description
from tedbench.pair import EditPair
from tedbench.settings import Amount, Count, Share, checked_block


class PlugAndPlay(InversionEditor):
    """Plug-and-Play; its strength is 1 − τ, where τ is the part of the steps with the input's features.

    The input is inverted with DDIM under the empty text. While the target text is decoded from x_T, both halves of its
    guidance get from the inversion the output of one residual branch in the first τ of the steps, and the queries and keys
    of the decoder's self-attention in a part of these. At strength 1 there is no control; 0 keeps as much as the method
    can, which is not the input itself.
    """

    axis = Axis("free", "1 − τ", (0.0, 0.2, 0.4, 0.6, 0.8, 1.0), least=0.0, most=1.0)
    cost: ClassVar[str] = "N + 3N"

    def __init__(
        self,
        model: TextToImage,
        *,
        sampling: Mapping[str, Any],
        control: Mapping[str, Any],
        seed: int = 0,
        sample_batch: int = 16,
        fit_batch: int = 1,
    ) -> None:
        """
        Args:
            model, seed, sample_batch, fit_batch: see :class:`~baselines.inversion.InversionEditor`.
            sampling: ``steps`` of DDIM, each way, ``guidance`` of the target text, and the ``negative`` text.
            control: ``feature``, the network's ResNet block whose residual branch is taken, ``attention``, the first
                decoder layer whose self-attention is, and ``own``, the part of the steps in which it is, as a share of τ.

        Raises:
            UserError: the network has no such block or layer.
        """
        self.sampling, self.control = _checked(sampling, control)
        super().__init__(model, steps=self.sampling["steps"], seed=seed, sample_batch=sample_batch, fit_batch=fit_batch)
        self._negative = model.encode_text([self.sampling["negative"]])
        names = [
            name for name, _ in model.network.named_modules() if name.startswith("up_blocks.") and name.count(".") == 3
        ]
        for key, part in (("feature", "resnets"), ("attention", "attentions")):
            known = [name for name in names if name.split(".")[2] == part]
            if self.control[key] not in known:
                raise UserError(
                    f"{model.name} has no {self.control[key]}. recipe.pnp.control.{key} can be {', '.join(known)}."
                )

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        _checked(settings["sampling"], settings["control"])
        return super().describe(settings)

    def inversion_text(self, pair: EditPair) -> str:
        return ""

    def make(self, rows: Sequence[Row]) -> Tensor:
        """Decode the target beside the inversion, whose branch is put back on it at every step."""
        path, text = paths(rows), texts(rows)
        tau = torch.tensor([1 - row.strength for row in rows])
        branches = [Branch(text, self.sampling["guidance"], self._negative), Branch(self.null, forced=path)]
        features = Features(self.control["feature"], tau)
        attention = StructureAttention(self.control["attention"], tau * self.control["own"])
        with self.model.residuals(features), self.model.attention(attention):
            return sample_branches(self.model, [path[0]] * 2, branches, steps=self.steps)[TARGET]


class Features(ResidualControl):
    """Gives the target branch the source branch's residual of one ResNet block, before it is added to the input."""

    def __init__(self, name: str, share: Tensor) -> None:
        """
        Args:
            name: of the block in the network.
            share: for each image the part of the steps in which it is given, (B,).
        """
        self._name, self._share = name, share

    def wants(self, layer: Layer) -> bool:
        return layer.name == self._name

    def features(self, layer: Layer, h: Tensor) -> Tensor:
        return taken(self, h, in_first(self._share, self)) if are_predicted(self) else h


class StructureAttention(AttentionControl):
    """Gives the target branch the source branch's queries and keys in the decoder's self-attention from a layer on."""

    def __init__(self, first: str, share: Tensor) -> None:
        """
        Args:
            first: name of the first transformer in the network, such as "up_blocks.1.attentions.1".
            share: for each image the part of the steps in which they are given, (B,).
        """
        self._first, self._share = _number(first), share

    def wants(self, layer: Layer) -> bool:
        return layer.kind == "self" and layer.place == "up" and _number(layer.name) >= self._first

    def projections(self, layer: Layer, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if not are_predicted(self):
            return q, k, v
        on = in_first(self._share, self)
        return taken(self, q, on), taken(self, k, on), v


def _number(name: str) -> tuple[int, int]:
    """Return block and layer of "up_blocks.1.attentions.2…"."""
    parts = name.split(".")
    return int(parts[1]), int(parts[3])


def _checked(sampling: Mapping[str, Any], control: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    return (
        checked_block("recipe.pnp.sampling", sampling, steps=Count, guidance=Amount, negative=str),
        checked_block("recipe.pnp.control", control, feature=str, attention=str, own=Share),
    )
