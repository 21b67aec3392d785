"""Blended latent diffusion (Avrahami et al., arXiv 2206.02779): sampling in a mask, the noised input around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from baselines.diffedit_mask import MaskedEdit, Reference, Rule, in_turn, masks, outside
from imagic.models.base import TextToImage
from imagic.models.batched import BatchedEditor, Row, texts
from imagic.models.lockstep import Branch, first_step, held, sample_branches
from tedbench.errors import PairError
from tedbench.method import Axis, Description, NeedsIf, Progress, Randomness, needs_with, silent
from tedbench.pair import EditPair
from tedbench.settings import Amount, Count, checked_block


class Blended(BatchedEditor):
    """Blended latent diffusion; its strength is t0, the noise level at which it begins, and 0 returns the input's latents.

    x_t0 is the noised input. Each step denoises it under the target text, and puts the input, freshly noised to the level
    that the step leads to, in the place of what is outside the mask; at the last level that is the input itself.
    """

    randomness: ClassVar[Randomness] = "sample"
    shares: ClassVar[bool] = True
    needs_if: ClassVar[NeedsIf] = {
        "mask": {"pair": ("mask",)},
        "reference": {"source": ("source_text",)},
    }
    axis = Axis("t0", "t₀", (0.0, 0.25, 0.5, 0.75, 1.0), identity=0.0, least=0.0, most=1.0)
    cost: ClassVar[str] = "2n + 2Ns"

    def __init__(
        self,
        model: TextToImage,
        *,
        sampling: Mapping[str, Any],
        difference: Mapping[str, Any],
        mask: Literal["diffedit", "pair"] = "diffedit",
        reference: Reference = "empty",
        seed: int = 0,
        sample_batch: int = 16,
    ) -> None:
        """
        Args:
            model: any text-to-image model of :mod:`imagic.models`; it stays as pretrained.
            sampling: ``steps`` of DDIM from T to 0, and ``guidance``.
            difference: DiffEdit's mask, see :class:`~baselines.diffedit_mask.Rule`.
            mask: DiffEdit's, or the pair's own.
            reference: see :class:`~baselines.diffedit.DiffEdit`; read with DiffEdit's mask.
            seed: of the whole run; every draw derives from it, the pair and the purpose.
            sample_batch: how many images are generated at a time; the last batch is filled up.
        """
        super().__init__(model, seed=seed, sample_batch=sample_batch)
        checked = _sampling(sampling)
        self.steps, self.guidance = checked["steps"], checked["guidance"]
        self.rule = _difference(difference)
        self.mask, self.reference = mask, reference
        self.levels: Tensor = model.process.schedule(self.steps)  # raises for too many
        self.needs = needs_with(self.needs, self.needs_if, {"mask": mask, "reference": reference})

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        _sampling(settings["sampling"])
        _difference(settings["difference"])
        return super().describe(settings)

    def fit(self, pair: EditPair, progress: Progress = silent) -> BlendedEdit:
        """Encode image, texts and mask; nothing is trained.

        Raises:
            PairError: the pair has no mask, or no source text, and the settings ask for it.
            UserError: it has another size than the model.
        """
        self.model.require_size(pair)
        self.require(pair.entry)
        return BlendedEdit(self, pair)

    def make(self, rows: Sequence[Row]) -> Tensor:
        """Noise, denoise, and keep what is outside the mask. A seed's noises are the same for every t0."""
        process, steps = self.model.process, self.steps
        start = [first_step(row.strength, steps) for row in rows]
        x0 = torch.cat([row.edit.x0 for row in rows])
        first = min(start)
        if first == steps:
            return x0
        eps = self.noise(rows, "initial noise").to(self.model.device)
        path = [*(process.mix(x0, eps, level) for level in self.levels[:-1]), x0]

        def around(level: int) -> Tensor:
            """Return the input at a level, under noise of its own."""
            if level == steps:
                return x0
            fresh = self.noise(rows, "background noise", level).to(self.model.device)
            return process.mix(x0, fresh, self.levels[level])

        (x,) = sample_branches(
            self.model,
            [path[first]],
            [Branch(texts(rows), self.guidance, self.null)],
            steps=steps,
            start=first,
            callback=in_turn(outside(masks(self.model, rows, self.rule, steps), around), held(path, start)),
        )
        return x


class BlendedEdit(MaskedEdit):
    """A pair with its latents and, if it is used, its own mask, which is the same for every seed."""

    def __init__(self, editor: Blended, pair: EditPair) -> None:
        text = (pair.source_text or "") if editor.reference == "source" else ""
        super().__init__(editor, pair, editor.model.encode_image(pair.image), editor.model.encode_text([text]))
        self._own: Tensor | None = None
        if editor.mask == "pair":
            if pair.mask is None:
                raise PairError(
                    f"The pair {pair.id} names a mask that its dataset does not read. Give dataset=folder a list of it."
                )
            self._own = latent_mask(torch.tensor(pair.mask), editor.model.latent_shape).to(editor.model.device)

    def mask(self, model: TextToImage, rule: Rule, steps: int, seed: int) -> Tensor:
        return super().mask(model, rule, steps, seed) if self._own is None else self._own


def latent_mask(mask: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Return a mask in the size of the latents: (size, size) bool to (1, 1, h, w) bool.

    A latent position is marked if at least half of its pixels are; if that leaves nothing of a thin mask, if any is.

    Args:
        mask: True where the edit belongs.
        shape: (C, h, w) of the latents.
    """
    share = F.adaptive_avg_pool2d(mask[None, None].float(), shape[1:])
    marked = share >= 0.5
    return marked if marked.any() else share > 0


def _sampling(settings: Mapping[str, Any]) -> dict[str, Any]:
    return checked_block("recipe.blended.sampling", settings, steps=Count, guidance=Amount)


def _difference(settings: Mapping[str, Any]) -> Rule:
    return Rule.of("recipe.blended.difference", settings)
