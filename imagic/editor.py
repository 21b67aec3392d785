"""Stage C, text embedding interpolation and generation (section 3.2), and the three stages as one method."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from imagic.embedding import optimise_embedding, optimise_embeddings
from imagic.errors import DivergedError
from imagic.finetune import finetune, require_trainable
from imagic.fits import FitStore, apply_shifts, keep_text, kept_text, shifts
from imagic.lora import add_adapters
from imagic.models.base import TextToImage
from imagic.models.batched import Row
from imagic.models.flow import require_flow
from imagic.models.flow_solvers import sample_flow
from imagic.models.sampling import ddim, dpm_solver
from imagic.models.text import Text
from imagic.recipe import Recipe
from imagic.snapshot import Snapshot
from imagic.tuning import TunedEdit, TuningEditor
from tedbench.errors import PairError, UserError
from tedbench.method import Axis, Description, NeedsIf, Progress, Randomness, needs_with, silent
from tedbench.pair import EditPair
from tedbench.seeding import generator

SAMPLERS: dict[str, Callable[..., Tensor]] = {
    "ddim": ddim,
    "dpm_solver": dpm_solver,
    "midpoint": partial(sample_flow, solver="midpoint"),
    "fireflow": partial(sample_flow, solver="fireflow"),
}


def interpolate(e_tgt: Text, e_opt: Text, eta: float) -> Text:
    """Return ē = η · e_tgt + (1 − η) · e_opt (equation 3); η beyond 1 extrapolates."""
    return e_opt.lerp(e_tgt, eta)


class Imagic(TuningEditor):
    """Optimise the text embedding to the image, fine-tune the model, interpolate and generate.

    Its strength is η: 0 gives the input back, 1 follows the text alone. The embedding is optimised for one image *and*
    one text, so every pair is fitted anew, from the model's pretrained weights.
    """

    randomness: ClassVar[Randomness] = "sample"
    axis = Axis("eta", "η", tuple(i / 10 for i in range(11)), identity=0.0)
    cost: ClassVar[str] = "3n + 2N"
    needs_if: ClassVar[NeedsIf] = {"variant.e_opt": {"source": ("source_text",)}}

    def __init__(
        self,
        model: TextToImage,
        *,
        embedding: Mapping[str, Any],
        finetune: Mapping[str, Any],
        sampling: Mapping[str, Any],
        upscaler: Mapping[str, Any] | None = None,
        variant: Mapping[str, Any] | None = None,
        fit_group: int = 1,
        fits: FitStore | None = None,
        seed: int = 0,
        sample_batch: int = 16,
    ) -> None:
        """
        Args:
            model: any text-to-image model of :mod:`imagic.models`.
            embedding: stage A: ``steps``, ``lr``, ``draws``.
            finetune: stage B: ``steps``, ``lr``, ``draws``, ``decay`` and ``empty``, see :func:`finetune`; ``steps`` 0
                leaves the model as pretrained.
            sampling: stage C: ``steps`` of DDIM and ``guidance``.
            upscaler: a cascade's upscaler is fine-tuned too, with the target text: ``steps``, ``lr``, ``draws``;
                ``steps`` 0 or None leaves it as pretrained. Other models have none.
            variant: where this run leaves the paper, see :class:`imagic.variant.Variant`.
            fit_group: how many pairs' embeddings are optimised at once, see :meth:`fit_group`.
            fits: where fitted pairs are kept and looked up; None for nowhere.
            seed: of the whole run; every draw derives from it, the pair and the purpose.
            sample_batch: how many images are generated at a time; the last batch is filled up.
        """
        recipe = Recipe.of(embedding, finetune, sampling, upscaler, variant, fit_group)
        self._embedding, self._finetune, self.sampling = recipe.embedding, recipe.finetune, recipe.sampling
        self._upscaler, self._variant, self.group = recipe.upscaler, recipe.variant, recipe.fit_group
        networks = [model.network]
        if self._upscaler and model.upscaler is not None:
            networks.append(model.upscaler.network)
        changed = nn.ModuleList(networks)
        weights_stay = self._variant.finetune != "full" and not self._upscaler and not (fits and fits.keep == "weights")
        snapshot = Snapshot(changed, changed if weights_stay else None)  # adapters change no weight
        super().__init__(model, snapshot=snapshot, seed=seed, sample_batch=sample_batch)
        if self._variant.finetune == "lora" and model.compiled:
            raise UserError(
                "Adapters are new modules for every pair. Give numerics.compile=false with method.variant.finetune=lora."
            )
        if self._variant.finetune == "full" and self._finetune["steps"]:
            require_trainable(model)
        if self._variant.parts == "pooled" and self.null.pooled is None:
            raise UserError(f"{model.name} reads no pooled embedding. Give method.variant.parts=all.")
        if self._variant.sampler in ("midpoint", "fireflow"):
            require_flow(model, f"method.variant.sampler={self._variant.sampler}")
        self.sampler = SAMPLERS[self._variant.sampler]
        model.process.schedule(self.sampling["steps"])  # raises for too many
        self.needs = needs_with(self.needs, self.needs_if, {"variant": variant})
        self._fits = fits
        self._waiting: dict[str, Text | DivergedError] = {}  # of a group, by pair, until each is fitted

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        recipe = Recipe.of(**settings)
        return replace(super().describe(settings), group=recipe.fit_group)

    def tune(self, pair: EditPair, progress: Progress) -> ImagicEdit:
        """Run stages A and B on a pair.

        Raises:
            DivergedError: a loss was not finite.
            PairError: the pair's group does not fit into memory.
        """
        model, variant = self.model, self._variant
        x0 = self._encode_image(pair)
        e_tgt = model.encode_text([pair.target_text])
        kept = self._fits.load(pair) if self._fits else None
        e_opt = kept_text(kept, model.device) if kept else self._embed(pair, x0, e_tgt, progress)
        if variant.finetune == "lora":
            add_adapters(model.network, variant.lora_rank, generator(self.seed, pair.id, "adapters"))
        if variant.finetune != "none" and not (kept and self._fits and self._fits.keep == "weights"):
            self._shift_model(pair, x0, e_opt, e_tgt, progress)
        if self._fits:
            self._keep(self._fits, pair, kept or keep_text(e_opt), new=kept is None)
        return ImagicEdit(self, pair, e_opt)

    def _embed(self, pair: EditPair, x0: Tensor, e_tgt: Text, progress: Progress) -> Text:
        """Return the pair's e_opt: the result of stage A, or what the variant uses instead."""
        if self._variant.e_opt == "target":
            return e_tgt
        if self._variant.e_opt == "source":
            return self.model.encode_text([pair.source_text or ""])
        if self.group == 1:
            rng = generator(self.seed, pair.id, "embedding")
            settings = {**self._embedding, "parts": self._variant.parts}
            return optimise_embedding(self.model, x0, e_tgt, rng=rng, progress=progress, **settings)
        if pair.id not in self._waiting:
            self.fit_group([pair], progress)
        e_opt = self._waiting.pop(pair.id)
        if isinstance(e_opt, DivergedError):
            raise e_opt
        return e_opt

    def awaits_group(self, pair: EditPair) -> bool:
        """Return True if stage A of the pair's group is still to be done."""
        alone = self.group == 1 or self._variant.e_opt != "optimised" or pair.id in self._waiting
        return not alone and not (self._fits and self._fits.path(pair).exists())

    def fit_group(self, pairs: Sequence[EditPair | None], progress: Progress = silent) -> None:
        self._waiting = self.fit_many(pairs, progress)

    def fit_many(
        self, pairs: Sequence[EditPair | None], progress: Progress = silent
    ) -> dict[str, Text | DivergedError]:
        """Do stage A of a group of pairs in one batch.

        A batch is always of ``fit_group`` pairs: places that are left over, or whose pair is None, are filled with
        copies. So the bits of a pair's e_opt depend on that number, and not on what is beside it.

        Returns:
            By pair id: e_opt, or the error that the pair would raise alone.

        Raises:
            PairError: the batch does not fit into memory.
        """
        given = [pair for pair in pairs if pair is not None]
        full = [pair or given[0] for pair in (*pairs, *[None] * (self.group - len(pairs)))]
        try:
            found = optimise_embeddings(
                self.model,
                torch.cat([self._encode_image(pair) for pair in full]),
                Text.cat([self.model.encode_text([pair.target_text]) for pair in full]),
                rngs=[generator(self.seed, pair.id, "embedding") for pair in full],
                parts=self._variant.parts,
                progress=progress,
                **self._embedding,
            )
        except (torch.OutOfMemoryError, MemoryError):
            raise PairError(
                f"out of memory: stage A took {self.group} pairs at once. A smaller method.fit_group may help; it makes "
                "a run of its own."
            ) from None
        return {pair.id: e_opt for pair, e_opt in zip(pairs, found, strict=False) if pair is not None}

    def _encode_image(self, pair: EditPair) -> Tensor:
        """Return x0 of the pair's input."""
        self.model.require_size(pair)
        sampled = generator(self.seed, pair.id, "posterior") if self._variant.latents == "sample" else None
        return self.model.encode_image(pair.image, sampled)

    def _shift_model(self, pair: EditPair, x0: Tensor, e_opt: Text, e_tgt: Text, progress: Progress) -> None:
        """Run stage B; a cascade's upscaler is fine-tuned too, on the target text."""
        model, settings = self.model, {**self._finetune, "optimizer": self._variant.optimizer}
        rng = generator(self.seed, pair.id, "fine-tuning")
        finetune(model, x0, e_opt, rng=rng, e_null=self.null, progress=progress, **settings)
        if self._upscaler and model.upscaler is not None:
            rng = generator(self.seed, pair.id, "upscaler")
            upscaler, x0 = model.upscaler.example(pair.image, rng)
            finetune(upscaler, x0, e_tgt, rng=rng, progress=progress, stage="upscaler", **self._upscaler)

    def _keep(self, fits: FitStore, pair: EditPair, kept: dict[str, Tensor], new: bool) -> None:
        """Save a new fit, and sample with the rounded weights that are kept, so that new and loaded fits agree."""
        if new:
            if fits.keep == "weights":
                kept |= shifts(self.pretrained.module, self.pretrained.state)
            fits.save(pair, kept)
        if fits.keep == "weights":
            apply_shifts(self.pretrained.module, self.pretrained.state, kept)

    def make(self, rows: Sequence[Row]) -> Tensor:
        """Run stage C. A seed's initial noise is the same for every η."""
        self.require_open(rows)
        x_T = self.noise(rows, "initial noise")  # noqa: N806
        e = Text.cat([interpolate(row.edit.e_tgt, row.edit.e_opt, row.strength) for row in rows])
        return self.sampler(self.model, x_T, e, self.null, **self.sampling)


class ImagicEdit(TunedEdit):
    """A fitted pair: e_opt, and the fine-tuned weights, which stay in the editor's model until the edit is closed."""

    def __init__(self, editor: Imagic, pair: EditPair, e_opt: Text) -> None:
        super().__init__(editor, pair)
        self.e_tgt, self.e_opt = self.text, e_opt
