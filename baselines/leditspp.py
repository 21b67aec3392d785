"""LEDITS++ (Brack et al., arXiv 2311.16711): noise maps without a text, and guidance towards a concept inside a mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from baselines.concept_mask import ConceptMasks
from baselines.noise_map_editor import NoiseMapEdit, NoiseMapEditor, chains
from imagic.models.base import TextToImage
from imagic.models.batched import Row
from imagic.models.lockstep import Branch, first_step, sample_branches
from imagic.models.noise_maps import Chain
from imagic.models.stepping import Solver
from imagic.models.text import Text
from tedbench.method import Axis, Description, NeedsIf, Progress, needs_with, silent
from tedbench.pair import EditPair
from tedbench.settings import Count, Share, checked, checked_block

Masks = Literal["both", "attention", "difference", "none"]


class LeditsPP(NoiseMapEditor):
    """LEDITS++; its strength is the weight of the concepts.

    ε = ε_∅ + Σ_c ±w M_c (ε_c − ε_∅), with the input's noise maps under the empty text. The concepts are the target object, and
    with ``remove`` the source object with a negative sign. M_c is 1 where the concept's words attend most and where its
    difference is largest. At w = 0 the input comes back exactly.
    """

    chain: Chain = "independent"
    needs: tuple[str, ...] = ("target_object",)
    needs_if: ClassVar[NeedsIf] = {"remove": {True: ("source_object",)}}
    axis = Axis("guidance", "guidance", (0.0, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0), identity=0.0, least=0.0)
    cost: ClassVar[str] = "N + 2N"

    def __init__(
        self,
        model: TextToImage,
        *,
        sampling: Mapping[str, Any],
        mask: Mapping[str, Any],
        remove: bool = False,
        solver: Solver = "sde_dpm_solver",
        seed: int = 0,
        sample_batch: int = 16,
    ) -> None:
        """
        Args:
            model, seed, sample_batch: see :class:`~baselines.noise_map_editor.NoiseMapEditor`.
            sampling: ``steps`` from noise to image, and ``start``, the part of them that is taken.
            mask: ``kind`` both, attention (M¹), difference (M²) or none; ``quantile`` of the positions that is left alone;
                ``factor`` of the layers whose maps M¹ is made of; see :class:`~baselines.concept_mask.ConceptMasks`.
            remove: guides away from the source object too.
            solver: of the sampling, see :data:`~imagic.models.stepping.Solver`.
        """
        self.sampling, self.mask = _checked(sampling, mask, solver)
        super().__init__(model, steps=self.sampling["steps"], seed=seed, sample_batch=sample_batch)
        self.solver, self.remove = solver, remove
        self.needs = needs_with(self.needs, self.needs_if, {"remove": remove})
        self.first = first_step(self.sampling["start"], self.steps)

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        _checked(settings["sampling"], settings["mask"], settings.get("solver", "sde_dpm_solver"))
        return super().describe(settings)

    def source_text(self, pair: EditPair) -> str:
        return ""

    def fit(self, pair: EditPair, progress: Progress = silent) -> LeditsEdit:
        """Encode image and concepts; noise maps are computed for each seed when the first image of it is generated.

        Raises:
            PairError: the pair lacks an object phrase.
            UserError: it has another size than the model.
        """
        self.model.require_size(pair)
        self.require(pair.entry)
        return LeditsEdit(self, pair)

    def make(self, rows: Sequence[Row]) -> Tensor:
        """Decode the chain from its start, with each row's weight of the concepts."""
        maps, weight = chains(rows), torch.tensor([row.strength for row in rows])
        signs = [1, -1][: 2 if self.remove else 1]
        concepts = [Text.cat([row.edit.concepts[i] for row in rows]) for i in range(len(signs))]
        masks = ConceptMasks([[row.edit.tokens[i] for row in rows] for i in range(len(signs))], self.steps, **self.mask)
        branch = Branch(
            concepts[0],
            weight,
            self.null,
            more=[(text, weight * sign) for text, sign in zip(concepts[1:], signs[1:], strict=True)],
            change=masks.change,
            residuals=maps.residuals,
        )
        with self.model.attention(masks) if masks.reads_attention else nullcontext():
            return sample_branches(
                self.model,
                maps.x[:1],
                [branch],
                steps=self.steps,
                start=self.first,
                ddim_eta=self.ddim_eta,
                solver=self.solver,
            )[0]


class LeditsEdit(NoiseMapEdit):
    """A pair with its concepts.

    Attributes:
        concepts: the target object's text, and the source object's if it is removed.
        tokens: the positions of their words.
    """

    def __init__(self, editor: LeditsPP, pair: EditPair) -> None:
        super().__init__(editor, pair)
        phrases = [pair.entry.target_object or "", *([pair.entry.source_object or ""] if editor.remove else [])]
        self.concepts = [editor.model.encode_text([phrase]) for phrase in phrases]
        self.tokens = [[i for i, (a, b) in enumerate(editor.model.spans(phrase)) if b > a] for phrase in phrases]


def _checked(
    sampling: Mapping[str, Any], mask: Mapping[str, Any], solver: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    checked("method.solver", solver, Solver)
    return (
        checked_block("recipe.leditspp.sampling", sampling, steps=Count, start=Share),
        checked_block("recipe.leditspp.mask", mask, kind=Masks, quantile=Share, factor=Count, both_from=Share),
    )
