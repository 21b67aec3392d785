"""The base of methods that keep what a sampler's steps leave out of the input, and decode with it under another text."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import torch

from baselines.prompt_control import equal_words
from imagic.models.base import TextToImage
from imagic.models.batched import BatchedEdit, BatchedEditor, Row, halving
from imagic.models.noise_maps import Chain, NoiseMaps, noise_maps
from imagic.models.stepping import Solver
from tedbench.method import Progress, Randomness, silent
from tedbench.pair import EditPair

STEPS_AT_ONCE = 5
"""Steps whose noise maps are computed in one network call, if batches are not smaller: it divides the usual numbers of steps."""


class NoiseMapEditor(BatchedEditor):
    """A method whose images begin with the noise maps of the input; a new seed draws a new noisy chain.

    Attributes:
        chain: how the input's noisy chain is drawn.
        steps: of the sampler, from noise to image.
        ddim_eta: DDIM's own η, of the sampler.
        solver: of the sampler.
        first: number of the first step that is ever taken; noise maps begin there.
    """

    randomness: ClassVar[Randomness] = "sample"
    shares: ClassVar[bool] = True
    chain: Chain
    solver: Solver = "ddim"
    first: int = 0

    def __init__(
        self, model: TextToImage, *, steps: int, ddim_eta: float = 1.0, seed: int = 0, sample_batch: int = 16
    ) -> None:
        """
        Args:
            model: any text-to-image model of :mod:`imagic.models`; it stays as pretrained.
            steps, ddim_eta: see the class.
            seed: of the whole run; every draw derives from it, the pair and the purpose.
            sample_batch: how many images are generated at a time; the last batch is filled up.
        """
        super().__init__(model, seed=seed, sample_batch=sample_batch)
        self.steps, self.ddim_eta = steps, ddim_eta
        model.process.schedule(steps)  # raises for too many

    @abstractmethod
    def source_text(self, pair: EditPair) -> str:
        """Return the text under which a pair's noise maps are computed."""

    @property
    def source_guidance(self) -> float:
        """The weight of the source text against the empty one while noise maps are computed; 1 uses the text alone."""
        return 1.0

    def fit(self, pair: EditPair, progress: Progress = silent) -> NoiseMapEdit:
        """Encode image and texts; noise maps are computed for each seed when the first image of it is generated.

        Raises:
            PairError: the pair lacks something that the method needs.
            UserError: it has another size than the model.
        """
        self.model.require_size(pair)
        self.require(pair.entry)
        return NoiseMapEdit(self, pair)


class NoiseMapEdit(BatchedEdit):
    """A pair's latents and texts, and the noise maps of the seeds that were sampled.

    Attributes:
        x0: the input's latents, (1, C, h, w).
        source: the text of the noise maps.
        equal_words: True if source and target text have as many words.
    """

    def __init__(self, editor: NoiseMapEditor, pair: EditPair) -> None:
        super().__init__(editor, pair)
        self.x0 = editor.model.encode_image(pair.image).to(editor.model.device)
        self.source = editor.model.encode_text([editor.source_text(pair)])
        self.equal_words = equal_words(editor.source_text(pair), pair.target_text)
        self._maps: dict[int, NoiseMaps] = {}

    def maps(self, seed: int) -> NoiseMaps:
        """Return the noise maps of a seed, from the editor's first step on."""
        if seed not in self._maps:
            editor: NoiseMapEditor = self._editor
            self._maps[seed] = drawn_maps(
                self,
                seed,
                text=self.source,
                steps=editor.steps,
                chain=editor.chain,
                guidance=editor.source_guidance,
                ddim_eta=editor.ddim_eta,
                start=editor.first,
                solver=editor.solver,
            )
        return self._maps[seed]


def drawn_maps(edit: Any, seed: int, **settings: Any) -> NoiseMaps:
    """Return the noise maps of an edit's input for a seed, in the computer's own memory, since many are kept.

    Args:
        edit: of a :class:`~imagic.models.batched.BatchedEditor`, with the input's latents ``x0``.
        seed: of the chain.
        settings: for :func:`~imagic.models.noise_maps.noise_maps`.
    """
    editor: BatchedEditor = edit._editor

    def maps(at_once: int) -> NoiseMaps:
        return noise_maps(
            editor.model,
            edit.x0,
            null=editor.null,
            noise=lambda i: torch.randn(edit.x0.shape, generator=edit.rng("chain", seed, i)),
            batch=at_once,
            **settings,
        )

    _, found = halving(min(STEPS_AT_ONCE, editor.sample_batch), maps)
    return NoiseMaps([x.cpu() for x in found.x], [residual.cpu() for residual in found.residuals])


def chains(rows: Sequence[Row]) -> NoiseMaps:
    """Return the noise maps of all rows: (B, C, h, w) at each level and for each step."""
    found, device = [row.edit.maps(row.seed) for row in rows], rows[0].edit.x0.device
    return NoiseMaps(
        [torch.cat(level).to(device) for level in zip(*(maps.x for maps in found), strict=True)],
        [torch.cat(step).to(device) for step in zip(*(maps.residuals for maps in found), strict=True)],
    )
