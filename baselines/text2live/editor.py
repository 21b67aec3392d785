"""Text2LIVE as a method of the benchmark."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms import functional as F

from baselines.text2live.augment import ClipViews, InputVariants
from baselines.text2live.clip import Clip, clip_digest
from baselines.text2live.generator import least_size
from baselines.text2live.layer import EditLayer
from baselines.text2live.objective import Objective, Texts
from baselines.text2live.optimise import optimise_layer
from baselines.text2live.settings import Text2LiveRecipe
from tedbench.errors import UserError
from tedbench.method import Axis, Description, Edit, Editor, Facts, Progress, Randomness, Sample, silent
from tedbench.pair import EditPair
from tedbench.seeding import seeded
from tedbench.settings import Count


class Text2Live(Editor):
    """An edit layer over the input: colours and opacity from a network trained on this image and its texts alone.

    Its strength is the opacity of that layer: 0 is the input, bit by bit, and 1 the method as published. A pair needs
    object phrases for what is edited (``source_object``) and for the result (``target_object``). Published examples
    give noun phrases; here the whole result is compared with the target text, and the change and the layer with the
    object phrases.
    """

    randomness: ClassVar[Randomness] = "fit"
    needs: tuple[str, ...] = ("source_object", "target_object")
    axis = Axis("opacity", "opacity", tuple(i / 10 for i in range(11)), identity=0.0, least=0.0, most=1.0)

    def __init__(
        self,
        *,
        clip: Mapping[str, Any],
        size: Count | None,
        optimisation: Mapping[str, Any],
        generator: Mapping[str, Any],
        augmentation: Mapping[str, Any],
        views: Mapping[str, Any],
        losses: Mapping[str, Any],
        bootstrap: Mapping[str, Any],
        device: str = "cpu",
        seed: int = 0,
    ) -> None:
        """
        Args:
            clip: ``model`` and ``pretrained`` of :class:`Clip`.
            size: side at which the layer is trained; None is the pair's own.
            optimisation, generator, augmentation, views, losses, bootstrap: see :mod:`baselines.text2live.settings`.
            device: the device on which it computes.
            seed: of the whole run; every draw derives from it, the pair and the sample's seed.
        """
        self.seed, self.device = seed, torch.device(device)
        self.size = size
        recipe = Text2LiveRecipe.of(optimisation, generator, augmentation, views, losses, bootstrap)
        self.optimisation, self.shape, self.augmentation = recipe.optimisation, recipe.generator, recipe.augmentation
        self.views, self.losses, self.bootstrap = recipe.views, recipe.losses, recipe.bootstrap
        self.clip = Clip(**clip, device=self.device)

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        Text2LiveRecipe.of(**{name: block for name, block in settings.items() if name not in ("clip", "size")})
        return replace(super().describe(settings), digest=clip_digest(**settings["clip"]))

    def fit(self, pair: EditPair, progress: Progress = silent) -> Text2LiveEdit:
        """Embed the pair's texts. A seed's layer is trained on the first request for it.

        Raises:
            PairError: the pair lacks an object phrase.
            UserError: the image is too small for the generator.
        """
        self.require(pair.entry)
        side = self.size or pair.image.shape[0]
        least = InputVariants(self.augmentation).least_side(side)
        if least < least_size(self.shape.scales):
            raise UserError(
                f"A generator of {self.shape.scales} scales needs {least_size(self.shape.scales)} pixels, and the smallest "
                f"crops of {side}² have {least}. Give a smaller recipe.text2live.generator.scales or a larger "
                "recipe.text2live.size."
            )
        return Text2LiveEdit(self, pair, Texts.of(pair, self.clip))


class Text2LiveEdit(Edit):
    """A pair and the edit layers trained for it so far, one for each seed."""

    def __init__(self, editor: Text2Live, pair: EditPair, texts: Texts) -> None:
        self._editor, self._pair_id, self._texts = editor, pair.id, texts
        self._image = _to_tensor(pair.image)
        self._layers: dict[int, EditLayer] = {}
        self._seconds = 0.0

    def sample(self, requests: Sequence[tuple[float, int]], progress: Progress = silent) -> Iterator[Sample]:
        """Yield the input under each seed's layer, at each opacity.

        Raises:
            DivergedError: a training's loss was not finite.
        """
        for opacity, seed in requests:
            yield Sample(opacity, seed, _to_image(self.layer(seed, progress).over(self._image, opacity)))

    def facts(self) -> Facts:
        return {"sample_fits": len(self._layers), "sample_fit_s": round(self._seconds, 2)}

    def layer(self, seed: int, progress: Progress = silent) -> EditLayer:
        """Return a seed's edit layer in the pair's own size, on the CPU; trained on the first call."""
        if seed not in self._layers:
            start = time.monotonic()
            self._layers[seed] = self._paint(seed, progress)
            self._seconds += time.monotonic() - start
        return self._layers[seed]

    def _paint(self, seed: int, progress: Progress) -> EditLayer:
        editor = self._editor
        views = ClipViews(editor.views, editor.clip.side)
        objective = Objective(editor.clip, views, self._texts, editor.losses, editor.bootstrap)
        own = self._image.shape[-1]
        with seeded(editor.seed, self._pair_id, "text2live", seed):
            layer = optimise_layer(
                _resize(self._image, editor.size or own).to(editor.device),
                objective,
                shape=editor.shape,
                augmentation=editor.augmentation,
                optimisation=editor.optimisation,
                progress=progress,
            )
        return EditLayer(*(_resize(part.cpu(), own) for part in layer))


def _resize(image: Tensor, side: int) -> Tensor:
    return image if image.shape[-1] == side else F.resize(image, [side, side], antialias=True)


def _to_tensor(image: np.ndarray) -> Tensor:
    """Convert (H, W, 3) uint8 to (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float() / 255


def _to_image(pixels: Tensor) -> np.ndarray:
    """Convert (1, 3, H, W) in [0, 1] to (H, W, 3) uint8."""
    return (pixels[0] * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
