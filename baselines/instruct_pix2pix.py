"""InstructPix2Pix (Brooks et al., arXiv 2211.09800): a network trained to follow instructions, with two guidances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from imagic.models.batched import BatchedEdit, BatchedEditor, Row
from imagic.models.instruct import InstructPix2PixModel
from imagic.models.lockstep import Branch, sample_branches
from imagic.models.text import Text
from tedbench.errors import UserError
from tedbench.method import Axis, Description, NeedsIf, Progress, Randomness, needs_with, silent
from tedbench.pair import EditPair
from tedbench.settings import Amount, Count, checked, checked_block

Source = Literal["instruction", "target_text"]
"""Field of a pair that the network is told."""


class InstructPix2Pix(BatchedEditor):
    """InstructPix2Pix; its strength is the guidance of the text, s_T. No strength is the input itself.

    The prediction is e(∅, ∅) + s_I (e(image, ∅) − e(∅, ∅)) + s_T (e(image, text) − e(image, ∅)) (equation 3). The authors
    sample with Euler's ancestral method; here it is DDIM.
    """

    model: InstructPix2PixModel
    randomness: ClassVar[Randomness] = "sample"
    shares: ClassVar[bool] = True
    axis = Axis("guidance", "s_T", (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.5, 10.0), least=0.0)
    needs_if: ClassVar[NeedsIf] = {"text": {"instruction": ("instruction",)}}
    cost: ClassVar[str] = "0 + 3N"

    def __init__(
        self,
        model: InstructPix2PixModel,
        *,
        sampling: Mapping[str, Any],
        text: Source = "instruction",
        seed: int = 0,
        sample_batch: int = 16,
    ) -> None:
        """
        Args:
            model: an InstructPix2Pix model; it stays as it is.
            sampling: ``steps`` from noise to image, and ``image_guidance`` s_I.
            text: what the network is told, the pair's instruction or its target text.
            seed: of the whole run; every draw derives from it, the pair and the purpose.
            sample_batch: how many images are generated at a time; the last batch is filled up.

        Raises:
            UserError: the model is no InstructPix2Pix model.
        """
        if not isinstance(model, InstructPix2PixModel):
            raise UserError(f"InstructPix2Pix needs a model that reads the input, and {model.name} is none. {_GIVE}")
        super().__init__(model, seed=seed, sample_batch=sample_batch)
        self.sampling, self.text = _sampling(sampling), checked("method.text", text, Source)
        self.needs = needs_with(self.needs, self.needs_if, {"text": text})
        model.process.schedule(self.sampling["steps"])  # raises for too many

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        _sampling(settings["sampling"])
        checked("method.text", settings.get("text", "instruction"), Source)
        return super().describe(settings)

    def fit(self, pair: EditPair, progress: Progress = silent) -> InstructPix2PixEdit:
        """Encode image and instruction; nothing is trained.

        Raises:
            PairError: the pair has no instruction.
            UserError: the pair has another size than the model.
        """
        self.require(pair.entry)
        self.model.require_size(pair)
        return InstructPix2PixEdit(self, pair)

    def make(self, rows: Sequence[Row]) -> Tensor:
        """Sample from noise with both guidances."""
        told = Text.cat([row.edit.told for row in rows])
        seen = Text.cat([row.edit.seen for row in rows])
        strengths = torch.tensor([row.strength for row in rows])
        zeros = torch.zeros(1, *self.model.latent_shape, device=self.model.device)
        branch = Branch(
            told,
            strengths,
            self.model.with_image(self.null, zeros),
            more=[(seen, self.sampling["image_guidance"] - strengths)],
        )
        noise = self.noise(rows, "initial noise")
        return sample_branches(self.model, [noise], [branch], steps=self.sampling["steps"])[0]


class InstructPix2PixEdit(BatchedEdit):
    """A pair's input, with its instruction and with the empty text.

    Attributes:
        told, seen: one text each.
    """

    def __init__(self, editor: InstructPix2Pix, pair: EditPair) -> None:
        super().__init__(editor, pair)
        model: Any = editor.model
        x0 = model.encode_image(pair.image)
        words = str(pair.entry.instruction if editor.text == "instruction" else pair.target_text)
        self.told = model.with_image(model.encode_text([words]), x0)
        self.seen = model.with_image(editor.null, x0)


_GIVE = "Give model=instruct_pix2pix."


def _sampling(settings: Mapping[str, Any]) -> dict[str, Any]:
    return checked_block("recipe.instruct_pix2pix.sampling", settings, steps=Count, image_guidance=Amount)
