"""Decoding with the input's noise maps from a start inside: the edit of three methods that differ in the chain's law."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, ClassVar, Literal

from torch import Tensor

from baselines.branches import sources
from baselines.noise_map_editor import NoiseMapEditor, chains
from baselines.prompt_control import Kind, PromptControl, alignments, require_own_layers
from imagic.models.base import TextToImage
from imagic.models.batched import Row, texts
from imagic.models.lockstep import Branch, first_step, held, sample_branches, text_branch
from tedbench.errors import UserError
from tedbench.method import Axis, Description, NeedsIf, needs_with
from tedbench.pair import EditPair
from tedbench.settings import Amount, Count, Share, checked, checked_block

KINDS = {"cross": Share, "own": Share, "kind": Kind, "least_factor": Count}
START = Axis("start", "start", (0.0, 0.2, 0.4, 0.5, 0.64, 0.8, 0.9, 1.0), identity=0.0, least=0.0, most=1.0)
"""The part of the diffusion time that is decoded anew: 0 returns the input, 1 begins at the noise."""


class NoiseMapDecoder(NoiseMapEditor):
    """A method that decodes with the input's noise maps under the target text; its strength is where it starts.

    The residuals of all steps are kept, the last one's too. So with the source text and its guidance the input comes
    back exactly, from any start.
    """

    axis = START
    cost: ClassVar[str] = "N + 2Ns"
    needs_if: ClassVar[NeedsIf] = {"source": {"source_text": ("source_text",)}}
    recipe: ClassVar[str]

    def __init__(
        self,
        model: TextToImage,
        *,
        sampling: Mapping[str, Any],
        source: str = "source_text",
        control: Mapping[str, Any] | None = None,
        seed: int = 0,
        sample_batch: int = 16,
    ) -> None:
        """
        Args:
            model, seed, sample_batch: see :class:`~baselines.noise_map_editor.NoiseMapEditor`.
            sampling: ``steps`` from noise to image, ``guidance`` of the target text, ``source_guidance`` of the noise
                maps' text, ``ddim_eta`` of the sampler.
            source: the noise maps' text: "source_text", the pair's own, or "empty".
            control: Prompt-to-Prompt from the input's branch besides: ``cross`` and ``own``, the parts of all steps with
                the input's cross- and self-attention, counted from the start; ``kind`` refine,
                or replace, which is refine for texts of unequal numbers of words as in the code of edit-friendly inversion;
                ``least_factor``, see :class:`~baselines.prompt_control.PromptControl`. None for none; it needs the source text.

        Raises:
            UserError: self-attention is to be replaced in layers that the network does not have.
        """
        self.sampling = self._sampling(sampling)
        self.source, self.control = _source(source, control), self._control(control)
        if self.control is not None:
            require_own_layers(model, self.control)
        settings = {key: self.sampling[key] for key in ("steps", "ddim_eta")}
        super().__init__(model, **settings, seed=seed, sample_batch=sample_batch)
        self.needs = needs_with(self.needs, self.needs_if, {"source": source})

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        cls._sampling(settings["sampling"])
        cls._control(settings.get("control"))
        _source(settings.get("source", "source_text"), settings.get("control"))
        return super().describe(settings)

    @classmethod
    def _sampling(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        kinds = {"steps": Count, "guidance": Amount, "source_guidance": Amount, "ddim_eta": Share}
        return checked_block(f"recipe.{cls.recipe}.sampling", settings, **kinds)

    @classmethod
    def _control(cls, settings: Mapping[str, Any] | None) -> dict[str, Any] | None:
        return None if settings is None else checked_block("method.control", settings, **KINDS)

    @property
    def source_guidance(self) -> float:
        guidance: float = self.sampling["source_guidance"]
        return guidance

    def source_text(self, pair: EditPair) -> str:
        return (pair.source_text or "") if self.source == "source_text" else ""

    def make(self, rows: Sequence[Row]) -> Tensor:
        """Decode the chain from each row's start."""
        start = [first_step(row.strength, self.steps) for row in rows]
        maps = chains(rows)
        if min(start) == self.steps:
            return maps.x[-1]
        text = text_branch(self.model, texts(rows), self.sampling["guidance"], self.null)
        target = replace(text, residuals=maps.residuals)
        branches, control = [target], None
        if self.control is not None:
            branches.append(Branch(sources(rows), forced=maps.x))
            replaced = [self.control["kind"] == "replace" and row.edit.equal_words for row in rows]
            control = PromptControl(
                alignments(self.model, rows, replaced),
                self.control["cross"],
                self.control["own"],
                replace=replaced,
                least_factor=self.control["least_factor"],
                begin=start,
            )
        first = min(start)
        with self.model.attention(control) if control else nullcontext():
            return sample_branches(
                self.model,
                [maps.x[first]] * len(branches),
                branches,
                steps=self.steps,
                start=first,
                ddim_eta=self.ddim_eta,
                callback=held(maps.x, start),
            )[0]


def _source(value: Any, control: Any) -> str:
    found: str = checked("method.source", value, Literal["source_text", "empty"])
    if control is not None and found == "empty":
        raise UserError("method.control takes the attention of the source text. Give method.source=source_text.")
    return found
