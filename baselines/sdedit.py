"""SDEdit (Meng et al., arXiv 2108.01073): noise the image to t0, then denoise it under the target text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor

from imagic.models.base import TextToImage
from imagic.models.batched import BatchedEdit, BatchedEditor, Row, texts
from imagic.models.lockstep import first_step
from imagic.models.sampling import ddim
from imagic.models.text import Text
from tedbench.method import Axis, Description, Progress, Randomness, silent
from tedbench.pair import EditPair
from tedbench.settings import Amount, Count, Share, checked_block


class SDEdit(BatchedEditor):
    """SDEdit; its strength is t0, the noise level as a fraction of the diffusion time.

    Near 0 it returns the input, at 1 it follows the text alone.

    x_t0 = √ᾱ_t0 x0 + √(1 − ᾱ_t0) ε, then the *stochastic* reverse process from t0 to 0 (the paper's algorithm 2, on
    the model's own schedule; on a flow x_t0 = (1 − σ) x0 + σ ε). Of the ``steps`` from T to 0 it takes the last t0 · steps, at least
    one.
    """

    randomness: ClassVar[Randomness] = "sample"
    shares: ClassVar[bool] = True
    axis = Axis("t0", "t₀", tuple(i / 10 for i in range(1, 11)), least=0.0, most=1.0, above=True)
    cost: ClassVar[str] = "0 + 2Ns"

    def __init__(
        self,
        model: TextToImage,
        *,
        sampling: Mapping[str, Any],
        stochasticity: Share = 1.0,
        seed: int = 0,
        sample_batch: int = 16,
    ) -> None:
        """
        Args:
            model: any text-to-image model of :mod:`imagic.models`; it stays as pretrained.
            sampling: ``steps`` from T to 0 and ``guidance``.
            stochasticity: of the reverse process (DDIM's own η): 1 is SDEdit, 0 the ordinary differential equation
                that other programs often run in its name.
            seed: of the whole run; every draw derives from it, the pair and the purpose.
            sample_batch: how many images are generated at a time; the last batch is filled up.
        """
        super().__init__(model, seed=seed, sample_batch=sample_batch)
        self.sampling, self.stochasticity = _sampling(sampling), float(stochasticity)
        model.process.schedule(self.sampling["steps"])  # raises for too many

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        _sampling(settings["sampling"])
        return super().describe(settings)

    def start(self, t0: float) -> int:
        """Return the first step that is taken for a t0; step 0 is at T.

        Raises:
            UserError: a t0 that is not above 0 and at most 1.
        """
        self.axis.require(t0, "SDEdit")
        return first_step(t0, self.sampling["steps"], least=1)

    def fit(self, pair: EditPair, progress: Progress = silent) -> SDEditEdit:
        """Encode image and text; nothing is trained.

        Raises:
            UserError: the pair has another size than the model.
        """
        self.model.require_size(pair)
        return SDEditEdit(self, pair)

    def make(self, rows: Sequence[Row]) -> Tensor:
        """Noise and denoise."""
        text = texts(rows)
        start = [self.start(row.strength) for row in rows]
        return denoise_inputs(self, rows, text, start, stochasticity=self.stochasticity, **self.sampling)


def denoise_inputs(
    editor: BatchedEditor,
    rows: Sequence[Row],
    text: Text,
    start: Sequence[int],
    *,
    steps: int,
    guidance: float,
    stochasticity: float,
) -> Tensor:
    """Noise each row's input (``edit.x0``) to the level of its first step, and denoise it: (B, C, h, w).

    A seed's ε, and its noise at each timestep, are the same for every first step.

    Args:
        editor: the method, whose model denoises.
        rows: the images.
        text: that each is denoised under, B texts.
        start: for each the number of the first step that is taken; step 0 is at T.
        steps: from T to 0.
        guidance: weight of the text against the empty one.
        stochasticity: of the reverse process (DDIM's own η).
    """
    process = editor.model.process
    levels: Tensor = process.schedule(steps)[list(start)]
    eps = editor.noise(rows, "initial noise").to(editor.model.device)
    return ddim(
        editor.model,
        process.mix(torch.cat([row.edit.x0 for row in rows]), eps, levels),
        text,
        editor.null,
        steps=steps,
        guidance=guidance,
        ddim_eta=stochasticity,
        noise=partial(editor.noise, rows, "step noise"),
        start=start,
    )


def _sampling(settings: Mapping[str, Any]) -> dict[str, Any]:
    return checked_block("recipe.sdedit.sampling", settings, steps=Count, guidance=Amount)


class SDEditEdit(BatchedEdit):
    """A pair's latents and its target text."""

    def __init__(self, editor: SDEdit, pair: EditPair) -> None:
        super().__init__(editor, pair)
        self.x0 = editor.model.encode_image(pair.image)
