"""Stage C, text embedding interpolation and generation (section 3.2), and the three stages as one method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from imagic.embedding import optimise_embedding, optimise_embeddings
from imagic.errors import DivergedError
from imagic.finetune import Snapshot, finetune
from imagic.fits import FitStore, apply_shifts, shifts
from imagic.lora import add_adapters
from imagic.models.base import TextToImage
from imagic.models.edit import BatchedEdit
from imagic.models.sampling import ddim, dpm_solver
from imagic.variant import Variant
from tedbench.errors import PairError, UserError
from tedbench.method import Axis, Editor, Progress, silent
from tedbench.pair import EditPair
from tedbench.seeding import generator
from tedbench.settings import Amount, Count, Natural, Share, checked_block

SAMPLERS = {"ddim": ddim, "dpm_solver": dpm_solver}


def interpolate(e_tgt: Tensor, e_opt: Tensor, eta: float) -> Tensor:
    """ē = η · e_tgt + (1 − η) · e_opt (equation 3); η beyond 1 extrapolates."""
    return eta * e_tgt + (1 - eta) * e_opt


class Imagic(Editor):
    """Optimise the text embedding to the image, fine-tune the model, interpolate and generate.

    Its strength is η: 0 gives the input back, 1 follows the text alone. The embedding is optimised for one image *and*
    one text, so every pair is fitted anew, from the model's pretrained weights.

    Attributes:
        fits: where fitted pairs are kept and looked up; None for nowhere.
    """

    randomness: ClassVar[Literal["none", "fit", "sample"]] = "sample"
    axis = Axis("eta", "η", tuple(i / 10 for i in range(11)), identity=0.0)

    def __init__(
        self,
        model: TextToImage,
        *,
        embedding: Mapping[str, Any],
        finetune: Mapping[str, Any],
        sampling: Mapping[str, Any],
        upscaler: Mapping[str, Any] | None = None,
        variant: Mapping[str, Any] | None = None,
        fit_group: Count = 1,
        seed: int = 0,
        sample_batch: int = 16,
    ) -> None:
        """
        Args:
            model: any text-to-image model of :mod:`imagic.models`.
            embedding: stage A: ``steps``, ``lr``, ``draws``.
            finetune: stage B, likewise, and ``decay`` and ``empty`` of :func:`finetune`; ``steps`` 0 leaves the model as pretrained.
            sampling: stage C: ``steps`` of DDIM and ``guidance``.
            upscaler: a cascade's upscaler is fine-tuned too, with the target text: ``steps``, ``lr``, ``draws``;
                ``steps`` 0 or None leaves it as pretrained. Other models have none.
            variant: where this run leaves the paper, see :class:`imagic.variant.Variant`.
            fit_group: how many pairs' embeddings are optimised at once, see :meth:`fit_many`.
            seed: of the whole run; every draw derives from it, the pair and the purpose.
            sample_batch: how many images are generated at a time; the last batch is filled up.
        """
        self.model, self.seed, self.sample_batch = model, seed, sample_batch
        self.image_size = model.image_size
        self._embedding = checked_block("Imagic's embedding", embedding, steps=Natural, lr=Amount, draws=Count)
        self._finetune = checked_block(
            "Imagic's finetune", finetune, steps=Natural, lr=Amount, draws=Count, decay=Share, empty=Share
        )
        self.sampling = checked_block("Imagic's sampling", sampling, steps=Count, guidance=Amount)
        self.group = fit_group
        upscaling: dict[str, Any] = {"steps": Natural, "lr": Amount, "draws": Count}
        self._upscaler = checked_block("Imagic's upscaler", upscaler, **upscaling) if upscaler else None
        networks = [model.network]
        if self._upscaler and model.upscaler is not None:
            networks.append(model.upscaler.network)
        self._variant = Variant.of(variant)
        if self._variant.finetune == "lora" and model.compiled:
            raise UserError("Adapters are new modules for every pair. Give numerics.compile=false with finetune=lora.")
        self.sampler = SAMPLERS[self._variant.sampler]
        if self._variant.e_opt == "source":
            self.needs = ("source_text",)
        self._pretrained = Snapshot(nn.ModuleList(networks))
        self.fits: FitStore | None = None
        self._waiting: dict[str, Tensor | DivergedError] = {}  # of a group, by pair, until each is fitted
        self._open: ImagicEdit | None = None

    def fit(self, pair: EditPair, progress: Progress = silent) -> ImagicEdit:
        """Stages A and B.

        Raises:
            DivergedError: a loss was not finite.
            PairError: the pair's group does not fit into memory.
            UserError: the pair has another size than the model.
        """
        if self._open is not None:
            raise RuntimeError("close the edit of the last pair first: it holds the fine-tuned weights")
        self.require(pair.entry)
        model, variant = self.model, self._variant
        x0 = self._encode_image(pair)
        e_tgt, e_null = model.encode_text([pair.target_text]), model.encode_text([""])
        kept = self.fits.load(pair) if self.fits else None
        e_opt = kept["e_opt"].to(model.device) if kept else self._embed(pair, x0, e_tgt, progress)
        try:
            if variant.finetune == "lora":
                add_adapters(model.network, variant.lora_rank, generator(self.seed, pair.id, "adapters"))
            if variant.finetune != "none" and not (kept and self.fits and self.fits.keep == "weights"):
                self._shift_model(pair, x0, e_opt, e_tgt, e_null, progress)
            if self.fits:
                self._keep(self.fits, pair, kept or {"e_opt": e_opt}, new=kept is None)
        except BaseException:
            self._pretrained.restore()
            raise
        self._open = ImagicEdit(self, pair, e_tgt, e_opt, e_null)
        return self._open

    def _embed(self, pair: EditPair, x0: Tensor, e_tgt: Tensor, progress: Progress) -> Tensor:
        """Stage A, or what stands for it."""
        if self._variant.e_opt == "target":
            return e_tgt
        if self._variant.e_opt == "source":
            return self.model.encode_text([pair.source_text or ""])
        if self.group == 1:
            rng = generator(self.seed, pair.id, "embedding")
            return optimise_embedding(self.model, x0, e_tgt, rng=rng, progress=progress, **self._embedding)
        if pair.id not in self._waiting:
            self._waiting = self.fit_many(self.beside(pair) if self.beside else [pair], progress)
        e_opt = self._waiting.pop(pair.id)
        if isinstance(e_opt, DivergedError):
            raise e_opt
        return e_opt

    def fit_many(
        self, pairs: Sequence[EditPair | None], progress: Progress = silent
    ) -> dict[str, Tensor | DivergedError]:
        """Stage A of a group of pairs in one batch.

        A batch is always of ``group`` pairs: places that are left over, or whose pair is None, are filled with copies. So
        the bits of a pair's e_opt depend on that number, and not on what is beside it.

        Returns:
            Of each pair, by its id, e_opt, or the error that it would raise alone.

        Raises:
            PairError: the batch does not fit into memory.
        """
        given = [pair for pair in pairs if pair is not None]
        full = [pair or given[0] for pair in (*pairs, *[None] * (self.group - len(pairs)))]
        try:
            found = optimise_embeddings(
                self.model,
                torch.cat([self._encode_image(pair) for pair in full]),
                torch.cat([self.model.encode_text([pair.target_text]) for pair in full]),
                rngs=[generator(self.seed, pair.id, "embedding") for pair in full],
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
        """x0 of the input."""
        self.model.require_size(pair)
        sampled = generator(self.seed, pair.id, "posterior") if self._variant.latents == "sample" else None
        return self.model.encode_image(pair.image, sampled)

    def _shift_model(
        self, pair: EditPair, x0: Tensor, e_opt: Tensor, e_tgt: Tensor, e_null: Tensor, progress: Progress
    ) -> None:
        """Stage B; a cascade's upscaler is fine-tuned too, on the target text."""
        model, settings = self.model, {**self._finetune, "optimizer": self._variant.optimizer}
        rng = generator(self.seed, pair.id, "fine-tuning")
        finetune(model, x0, e_opt, rng=rng, e_null=e_null, progress=progress, **settings)
        if self._upscaler and model.upscaler is not None:
            rng = generator(self.seed, pair.id, "upscaler")
            upscaler, x0 = model.upscaler.example(pair.image, rng)
            finetune(upscaler, x0, e_tgt, rng=rng, progress=progress, stage="upscaler", **self._upscaler)

    def _keep(self, fits: FitStore, pair: EditPair, kept: dict[str, Tensor], new: bool) -> None:
        """Keeps a new fit. Kept weights are rounded, and sampling goes on with them so: the same, new or kept."""
        if new:
            if fits.keep == "weights":
                kept |= shifts(self._pretrained.module, self._pretrained.state)
            fits.save(pair, kept)
        if fits.keep == "weights":
            apply_shifts(self._pretrained.module, self._pretrained.state, kept)

    def restore(self) -> None:
        """Puts the pretrained weights back, bit by bit."""
        self._pretrained.restore()
        self._open = None


class ImagicEdit(BatchedEdit):
    """A fitted pair: e_opt, and the fine-tuned weights in the editor's model until it is closed."""

    def __init__(self, editor: Imagic, pair: EditPair, e_tgt: Tensor, e_opt: Tensor, e_null: Tensor) -> None:
        super().__init__(editor.model, pair, editor.seed, editor.sample_batch)
        self._editor = editor
        self.e_tgt, self.e_opt, self.e_null = e_tgt, e_opt, e_null
        self._closed = False

    def make(self, requests: Sequence[tuple[float, int]]) -> Tensor:
        """Stage C. A seed's initial noise is the same for every η."""
        if self._closed:
            raise RuntimeError("this edit is closed: its fine-tuned weights are gone")
        x_T = torch.stack([self._initial_noise(seed) for _, seed in requests])  # noqa: N806
        e = torch.cat([interpolate(self.e_tgt, self.e_opt, eta) for eta, _ in requests])
        return self._editor.sampler(self.model, x_T, e, self.e_null, **self._editor.sampling)

    def _initial_noise(self, seed: int) -> Tensor:
        return torch.randn(self.model.latent_shape, generator=self.rng("initial noise", seed))

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._editor.restore()
