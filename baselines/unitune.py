"""UniTune (Valevski et al., arXiv 2210.09477): fine-tuning on the input with a rare word, then SDEdit with that word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from baselines.sdedit import denoise_inputs
from imagic.finetune import finetune, tunable
from imagic.models.base import TextToImage
from imagic.models.batched import Row
from imagic.models.lockstep import first_step
from imagic.models.text import Text
from imagic.tuning import FINETUNE, SAMPLING, TunedEdit, TuningEditor
from tedbench.errors import UserError
from tedbench.method import Axis, Description, Progress
from tedbench.pair import EditPair
from tedbench.seeding import generator
from tedbench.settings import Share, checked, checked_block


class UniTune(TuningEditor):
    """UniTune; its strength is t0, the noise level at which sampling starts, as a fraction of the diffusion time.

    The network is fine-tuned on the input under a rare word alone. The input is then noised to t0 and denoised under
    that word followed by the target text. Near 0 the input is given back; at 1 only the fine-tuned network knows it.
    """

    axis = Axis("t0", "t₀", tuple(i / 10 for i in range(1, 11)), least=0.0, most=1.0, above=True)
    cost: ClassVar[str] = "3n + 2Ns"

    def __init__(
        self,
        model: TextToImage,
        *,
        finetune: Mapping[str, Any],
        sampling: Mapping[str, Any],
        rare: str,
        stochasticity: Share = 1.0,
        seed: int = 0,
        sample_batch: int = 16,
    ) -> None:
        """
        Args:
            model: any text-to-image model of :mod:`imagic.models`.
            finetune: on the input and the rare word: ``steps``, ``lr``, ``draws``, ``decay``, ``empty`` and
                ``weights``, see :func:`imagic.finetune.finetune`; with 0 steps the method is SDEdit.
            sampling: ``steps`` from T to 0 and ``guidance``.
            rare: the rare word, which the tokenizer has and no target text.
            stochasticity: of the reverse process (DDIM's own η): 1 is SDEdit's, 0 the ordinary differential equation.
            seed: of the whole run; every draw derives from it, the pair and the purpose.
            sample_batch: how many images are generated at a time; the last batch is filled up.

        Raises:
            UserError: the word says nothing to the model.
        """
        super().__init__(model, seed=seed, sample_batch=sample_batch)
        self._finetune, self.sampling, self.rare = _blocks(finetune, sampling, rare)
        self.stochasticity = float(stochasticity)
        tunable(model.network, self._finetune["weights"])  # raises if there are none
        model.process.schedule(self.sampling["steps"])  # raises for too many
        self._word = model.encode_text([self.rare])
        if torch.equal(self._word.tokens, self.null.tokens):
            raise UserError(f"{model.name} does not know recipe.unitune.rare={self.rare!r}. Give another word.")

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        _blocks(settings["finetune"], settings["sampling"], settings["rare"])
        return super().describe(settings)

    def tune(self, pair: EditPair, progress: Progress) -> UniTuneEdit:
        x0 = self.model.encode_image(pair.image)
        rng = generator(self.seed, pair.id, "fine-tuning")
        finetune(self.model, x0, self._word, rng=rng, e_null=self.null, progress=progress, **self._finetune)
        return UniTuneEdit(self, pair, x0)

    def make(self, rows: Sequence[Row]) -> Tensor:
        """Noise and denoise. A seed's ε, and its noise at each timestep, are the same for every t0."""
        self.require_open(rows)
        for row in rows:
            self.axis.require(row.strength, "UniTune")
        start = [first_step(row.strength, self.sampling["steps"], least=1) for row in rows]
        prompt = Text.cat([row.edit.prompt for row in rows])
        return denoise_inputs(self, rows, prompt, start, stochasticity=self.stochasticity, **self.sampling)


def _blocks(
    finetune: Mapping[str, Any], sampling: Mapping[str, Any], rare: str
) -> tuple[dict[str, Any], dict[str, Any], str]:
    if not checked("recipe.unitune.rare", rare, str).strip():
        raise UserError("recipe.unitune.rare is empty. It must be a word.")
    return (
        checked_block("recipe.unitune.finetune", finetune, **FINETUNE),
        checked_block("recipe.unitune.sampling", sampling, **SAMPLING),
        rare.strip(),
    )


class UniTuneEdit(TunedEdit):
    """A fitted pair.

    Attributes:
        x0: the input's latents, (1, C, h, w).
        prompt: the rare word and the target text.
    """

    def __init__(self, editor: UniTune, pair: EditPair, x0: Tensor) -> None:
        super().__init__(editor, pair)
        self.x0, self.prompt = x0, editor.model.encode_text([f"{editor.rare} {pair.target_text}"])
