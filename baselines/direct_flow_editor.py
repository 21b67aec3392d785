"""The base of methods that move the input along differences of a flow's velocities, without an inversion."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from baselines.branches import sources
from imagic.models.base import TextToImage
from imagic.models.batched import BatchedEdit, BatchedEditor, Row, texts
from imagic.models.flow import require_flow
from imagic.models.lockstep import first_step
from imagic.models.sampling import joined
from imagic.models.text import Text
from tedbench.method import Axis, Progress, Randomness, silent
from tedbench.pair import EditPair


class DirectFlowEditor(BatchedEditor):
    """A method that adds to the input's latents what the velocities under target and source text differ by.

    At each level the input is noised to x_s, and the latents z of the edit, which begin as the input's, are brought to the
    same noise: x_t = z + x_s − x0. The strength is the part of the schedule that is taken: at 0 it returns the input.

    Attributes:
        steps: of the whole schedule, from noise to image.
        averages: number of noises at each level, over which the move is averaged.
    """

    randomness: ClassVar[Randomness] = "sample"
    shares: ClassVar[bool] = True
    needs: tuple[str, ...] = ("source_text",)
    axis = Axis("start", "start", (0.0, 0.2, 0.4, 0.5, 0.66, 0.8, 0.86, 1.0), identity=0.0, least=0.0, most=1.0)

    def __init__(
        self, model: TextToImage, *, steps: int, averages: int = 1, seed: int = 0, sample_batch: int = 16
    ) -> None:
        """
        Args:
            model: a flow model; it stays as pretrained.
            steps, averages: see the class.
            seed: of the whole run; every draw derives from it, the pair and the purpose.
            sample_batch: how many images are generated at a time; the last batch is filled up.

        Raises:
            UserError: the model is no flow.
        """
        require_flow(model, type(self).__name__)
        super().__init__(model, seed=seed, sample_batch=sample_batch)
        self.steps, self.averages = steps, averages

    @abstractmethod
    def move(self, step: int, x_t: Tensor, x_s: Tensor, t: Tensor, s: Tensor, text: Text, source: Text) -> Tensor:
        """Return what a step adds to z, (B, C, h, w).

        Args:
            step: its number, 0 at the noise.
            x_t, x_s: latents of edit and input with the same noise.
            t, s: their level and the next one, scalars.
            text, source: B target texts and B source texts.
        """

    def fit(self, pair: EditPair, progress: Progress = silent) -> DirectFlowEdit:
        """Encode image and texts; nothing is trained.

        Raises:
            PairError: the pair has no source text.
            UserError: it has another size than the model.
        """
        self.model.require_size(pair)
        self.require(pair.entry)
        return DirectFlowEdit(self, pair)

    @torch.no_grad()
    def make(self, rows: Sequence[Row]) -> Tensor:
        """Move the input's latents. A seed's noise at each level is the same for every start."""
        start = [first_step(row.strength, self.steps) for row in rows]
        x0 = torch.cat([row.edit.x0 for row in rows])
        return self.moved(rows, x0, start, self.steps)

    def moved(self, rows: Sequence[Row], x0: Tensor, start: Sequence[int], end: int) -> Tensor:
        """Return z after the steps before ``end``; each image begins at its own.

        Args:
            rows: the images.
            x0: latents of the inputs, (B, C, h, w).
            start: for each image the number of its first step.
            end: number of the step that is not taken any more.
        """
        process, levels = self.model.process, self.model.process.schedule(self.steps)
        text, source, z = texts(rows), sources(rows), x0
        for i in range(min(start), end):
            moves = []
            for number in range(self.averages):
                x_s = process.mix(x0, self.noise(rows, "step noise", i, number).to(x0.device), levels[i])
                moves.append(self.move(i, z + (x_s - x0), x_s, levels[i], levels[i + 1], text, source))
            z = joined(z + torch.stack(moves).mean(0), z, i, start)
        return z


class DirectFlowEdit(BatchedEdit):
    """A pair's latents and texts.

    Attributes:
        x0: the input's latents, (1, C, h, w).
        source: the source text.
    """

    def __init__(self, editor: DirectFlowEditor, pair: EditPair) -> None:
        super().__init__(editor, pair)
        self.x0 = editor.model.encode_image(pair.image).to(editor.model.device)
        self.source = editor.model.encode_text([pair.source_text or ""])
