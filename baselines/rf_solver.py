"""RF-Solver-Edit (Wang et al., arXiv 2411.04746): second-order inversion and decoding that share attention's values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from baselines.branches import TARGET, are_predicted, in_first, sources, taken
from baselines.inversion import InversionEditor, SourceEdit, paths
from imagic.models.base import TextToImage
from imagic.models.batched import Row, texts
from imagic.models.choices import FlowSolver
from imagic.models.control import Layer
from imagic.models.flow import require_flow
from imagic.models.flow_solvers import integrate
from imagic.models.lockstep import predict_branches, text_branch
from imagic.models.values import ValueControl, value_layers
from tedbench.errors import UserError
from tedbench.method import Axis, Description
from tedbench.pair import EditPair
from tedbench.settings import Amount, Count, Pattern, checked_block


class RFSolver(InversionEditor):
    """RF-Solver-Edit; its strength is 1 − the part of the steps with shared values.

    The input is inverted under the source text and decoded under the target text. In the first steps the attention of some
    layers takes the values of the input's own trajectory. At 1 nothing is shared; 0 keeps as much as the method can, which
    is not the input.
    """

    needs: tuple[str, ...] = ("source_text",)
    axis = Axis("free", "1 − τ", (0.0, 0.2, 0.4, 0.6, 0.8, 0.88, 0.96, 1.0), least=0.0, most=1.0)
    cost: ClassVar[str] = "2N + 6N"
    solver: FlowSolver
    recipe: ClassVar[str] = "rf_solver"

    def __init__(
        self,
        model: TextToImage,
        *,
        sampling: Mapping[str, Any],
        layers: Pattern,
        solver: FlowSolver = "midpoint",
        seed: int = 0,
        sample_batch: int = 16,
        fit_batch: int = 1,
    ) -> None:
        """
        Args:
            model: a flow model; it stays as pretrained.
            sampling: ``steps`` each way, and ``guidance`` of the target text; the source text has none.
            layers: regular expression in the attention layers whose values are shared, by half of the network and name, such as
                "up:single_transformer_blocks.20.attn"; empty is all.
            solver: of both ways.
            seed, sample_batch, fit_batch: see :class:`~baselines.inversion.InversionEditor`.

        Raises:
            UserError: the model is no flow, or no transformer, or has no such layer.
        """
        require_flow(model, type(self).__name__)
        self.sampling, self.layers, self.solver = self._sampling(sampling), layers, solver
        steps = self.sampling["steps"]
        super().__init__(model, steps=steps, seed=seed, sample_batch=sample_batch, fit_batch=fit_batch)
        known = value_layers(model.network)
        if not any(map(SharedValues(layers, torch.zeros(1)).wants, known)):
            there = f"{_named(known[0])} to {_named(known[-1])}" if known else "none"
            raise UserError(
                f"{model.name} has no attention layer that recipe.{self.recipe}.layers={layers} finds; it has {there}."
            )

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        cls._sampling(settings["sampling"])
        return super().describe(settings)

    @classmethod
    def _sampling(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        return checked_block(f"recipe.{cls.recipe}.sampling", settings, steps=Count, guidance=Amount)

    def open(self, pair: EditPair, path: list[Tensor]) -> SourceEdit:
        return SourceEdit(self, pair, path)

    @torch.no_grad()
    def make(self, rows: Sequence[Row]) -> Tensor:
        """Decode the target beside the input's trajectory; between two levels that is halfway between them."""
        model, levels, path = self.model, self.model.process.schedule(self.steps), paths(rows)
        branches = [
            text_branch(model, texts(rows), self.sampling["guidance"], self.null),
            text_branch(model, sources(rows), 1, self.null),
        ]

        def velocity(step: int, x: Tensor, t: Tensor) -> Tensor:
            own = path[step] if t == levels[step] else (path[step] + path[step + 1]) / 2
            outs = predict_branches(model, [x, own], branches, t, step=step, steps=self.steps)
            return branches[TARGET].combine(outs[TARGET], step)

        share = torch.tensor([1 - row.strength for row in rows])
        with model.values(SharedValues(self.layers, share)):
            return integrate(velocity, path[0], levels, self.solver)[-1]


class SharedValues(ValueControl):
    """Gives the target branch the source branch's values in the first steps."""

    def __init__(self, layers: str, share: Tensor) -> None:
        """
        Args:
            layers: see :class:`RFSolver`.
            share: for each image the part of the steps in which they are given, (B,).
        """
        self._layers, self._share = re.compile(layers), share

    def wants(self, layer: Layer) -> bool:
        return self._layers.search(_named(layer)) is not None

    def values(self, layer: Layer, v: Tensor) -> Tensor:
        return taken(self, v[:, None], in_first(self._share, self))[:, 0] if are_predicted(self) else v


class FireFlow(RFSolver):
    """FireFlow (Deng et al., arXiv 2412.07517): RF-Solver-Edit with the last midpoint's velocity in place of a new one."""

    cost: ClassVar[str] = "N + 3N"
    recipe: ClassVar[str] = "fireflow"

    def __init__(self, model: TextToImage, **settings: Any) -> None:
        """
        Args:
            model, settings: see :class:`RFSolver`; the solver is FireFlow's.
        """
        super().__init__(model, solver="fireflow", **settings)


def _named(layer: Layer) -> str:
    return f"{layer.place}:{layer.name}"
