"""The settings of Imagic's three stages, checked before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imagic.settings import checked
from imagic.variant import Variant
from tedbench.errors import UserError


@dataclass(frozen=True)
class Recipe:
    """Settings of stages A, B and C; see :class:`imagic.editor.Imagic`.

    Attributes:
        embedding: of stage A.
        finetune: of stage B.
        sampling: of stage C.
        upscaler: of a cascade's upscaler in stage B; None leaves it as pretrained.
        variant: where a run leaves the paper.
        fit_group: number of pairs whose embeddings are optimised at once.
    """

    embedding: dict[str, Any]
    finetune: dict[str, Any]
    sampling: dict[str, Any]
    upscaler: dict[str, Any] | None
    variant: Variant
    fit_group: int

    @classmethod
    def of(
        cls,
        embedding: Mapping[str, Any],
        finetune: Mapping[str, Any],
        sampling: Mapping[str, Any],
        upscaler: Mapping[str, Any] | None = None,
        variant: Mapping[str, Any] | None = None,
        fit_group: int = 1,
    ) -> Recipe:
        """Check blocks of settings.

        Raises:
            UserError: a setting that is missing, unknown or out of its range.
        """
        stage_b = checked("Imagic's finetune", finetune, steps=0, lr=0.0, draws=1, decay=0.0, empty=0.0)
        for key in ("decay", "empty"):
            if stage_b[key] > 1:
                raise UserError(f"Imagic's finetune.{key} is {stage_b[key]}. It must be a number from 0 to 1.")
        return cls(
            checked("Imagic's embedding", embedding, steps=0, lr=0.0, draws=1),
            stage_b,
            checked("Imagic's sampling", sampling, steps=1, guidance=0.0),
            checked("Imagic's upscaler", upscaler, steps=0, lr=0.0, draws=1) if upscaler else None,
            Variant.of(variant),
            checked("method", {"fit_group": fit_group}, fit_group=1)["fit_group"],
        )

    @property
    def needs(self) -> tuple[str, ...]:
        """The fields of a pair that not every pair has."""
        return ("source_text",) if self.variant.e_opt == "source" else ()
