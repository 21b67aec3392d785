"""The settings of Imagic's three stages, checked before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from imagic.variant import Variant
from tedbench.settings import Amount, Count, Natural, Share, checked, checked_block

Keep = Literal["none", "embedding", "weights"]
"""Parts of a fit to keep: nothing, e_opt (stage B is then repeated), or e_opt and the weights that stage B changed."""


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
        training: dict[str, Any] = {"steps": Natural, "lr": Amount, "draws": Count}
        return cls(
            checked_block("recipe.imagic.embedding", embedding, **training),
            checked_block("recipe.imagic.finetune", finetune, **training, decay=Share, empty=Share),
            checked_block("recipe.imagic.sampling", sampling, steps=Count, guidance=Amount),
            checked_block("recipe.imagic.upscaler", upscaler, **training) if upscaler else None,
            Variant.of(variant),
            checked("method.fit_group", fit_group, Count),
        )
