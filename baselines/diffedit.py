"""DiffEdit (Couairon et al., arXiv 2210.11427): the input's own latents outside a mask that is found by two texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from baselines.diffedit_mask import MaskedEdit, Reference, Rule, in_turn, masks, outside
from baselines.inversion import InversionEditor, paths
from baselines.noise_map_editor import chains, drawn_maps
from imagic.models.base import TextToImage
from imagic.models.batched import Row, texts
from imagic.models.lockstep import Branch, first_step, held, sample_branches
from imagic.models.noise_maps import NoiseMaps
from imagic.models.text import Text
from tedbench.method import Axis, Description, NeedsIf, Randomness, needs_with
from tedbench.pair import EditPair
from tedbench.settings import Amount, Count, checked_block


class DiffEdit(InversionEditor):
    """DiffEdit; its strength is the encoding ratio r, and 0 returns the input's latents.

    The mask is where the target text predicts other noise than the reference text. The input is encoded to r by DDIM
    under the empty text and decoded under the target text; after each step the encoded latents of the same level take
    the place of what is outside the mask.
    """

    randomness: ClassVar[Randomness] = "sample"  # the mask's noises, and the chain of the stochastic encoding
    needs_if: ClassVar[NeedsIf] = {"reference": {"source": ("source_text",)}}
    axis = Axis("ratio", "r", (0.0, 0.2, 0.4, 0.6, 0.8, 1.0), identity=0.0, least=0.0, most=1.0)
    cost: ClassVar[str] = "N + 2n + 2Ns"

    def __init__(
        self,
        model: TextToImage,
        *,
        sampling: Mapping[str, Any],
        difference: Mapping[str, Any],
        reference: Reference = "empty",
        encoding: Literal["ode", "sde"] = "ode",
        seed: int = 0,
        sample_batch: int = 16,
        fit_batch: int = 1,
    ) -> None:
        """
        Args:
            model, seed, sample_batch, fit_batch: see :class:`~baselines.inversion.InversionEditor`.
            sampling: ``steps`` of DDIM from T to 0, and ``guidance`` of the target text.
            difference: the mask, see :class:`~baselines.diffedit_mask.Rule`.
            reference: the text that the mask compares the target text with: the empty one, or the source text.
            encoding: "ode" is DDIM. "sde" is DiffEdit-SDE (Nie et al., arXiv 2311.01410): a chain of noised inputs and
                ancestral sampling that reuses what its steps leave out under the reference text.
        """
        checked = _sampling(sampling)
        super().__init__(model, steps=checked["steps"], seed=seed, sample_batch=sample_batch, fit_batch=fit_batch)
        self.guidance: float = checked["guidance"]
        self.rule = _difference(difference)
        self.reference, self.encoding = reference, encoding
        self.needs = needs_with(self.needs, self.needs_if, {"reference": reference})

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        _sampling(settings["sampling"])
        _difference(settings["difference"])
        return super().describe(settings)

    def inversion_text(self, pair: EditPair) -> str:
        """Return the empty text: the encoding is unconditional."""
        return ""

    def open(self, pair: EditPair, path: list[Tensor]) -> DiffEditEdit:
        return DiffEditEdit(self, pair, path)

    def trajectory(
        self, pairs: Sequence[EditPair], x0: Tensor, text: Text, progress: Callable[[int], None]
    ) -> list[Tensor]:
        """Encode the inputs; the stochastic encoding depends on the seed, so it is left to the sampling."""
        return super().trajectory(pairs, x0, text, progress) if self.encoding == "ode" else [x0]

    def make(self, rows: Sequence[Row]) -> Tensor:
        """Encode, decode, and keep what is outside the mask."""
        steps, start = self.steps, [first_step(row.strength, self.steps) for row in rows]
        first = min(start)
        if first == steps:
            return torch.cat([row.edit.x0 for row in rows])
        path, residuals = self._encoded(rows)
        target = Branch(texts(rows), self.guidance, self.null, residuals=residuals)
        (x,) = sample_branches(
            self.model,
            [path[first]],
            [target],
            steps=steps,
            start=first,
            ddim_eta=0.0 if residuals is None else 1.0,
            callback=in_turn(
                outside(masks(self.model, rows, self.rule, steps), path.__getitem__),
                held(path, start),
            ),
        )
        return x

    def _encoded(self, rows: Sequence[Row]) -> tuple[list[Tensor], list[Tensor] | None]:
        """Return the encoded latents at each level, and what steps leave out of a stochastic chain."""
        if self.encoding == "ode":
            return paths(rows), None
        maps = chains(rows)
        return maps.x, maps.residuals


class DiffEditEdit(MaskedEdit):
    """A pair with its encoded latents.

    Attributes:
        path: the latents at each level of the schedule, the noise first; of the stochastic encoding only the input's.
    """

    def __init__(self, editor: DiffEdit, pair: EditPair, path: list[Tensor]) -> None:
        text = (pair.source_text or "") if editor.reference == "source" else ""
        super().__init__(editor, pair, path[-1], editor.model.encode_text([text]))
        self.path = path
        self._maps: dict[int, NoiseMaps] = {}

    def maps(self, seed: int) -> NoiseMaps:
        """Return the stochastic encoding for a seed, under the reference text with the decoder's guidance."""
        if seed not in self._maps:
            editor: DiffEdit = self._editor
            guidance = editor.guidance if editor.reference == "source" else 1.0  # of the empty text it changes nothing
            self._maps[seed] = drawn_maps(
                self, seed, text=self.reference, steps=editor.steps, chain="markov", guidance=guidance
            )
        return self._maps[seed]


def _sampling(settings: Mapping[str, Any]) -> dict[str, Any]:
    return checked_block("recipe.diffedit.sampling", settings, steps=Count, guidance=Amount)


def _difference(settings: Mapping[str, Any]) -> Rule:
    return Rule.of("recipe.diffedit.difference", settings)
