"""The objective of an edit layer: all terms, with their weights (Text2LIVE, section 3.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from baselines.text2live import losses, templates
from baselines.text2live.augment import ClipViews
from baselines.text2live.clip import Clip
from baselines.text2live.layer import EditLayer
from baselines.text2live.relevancy import relevancy
from baselines.text2live.settings import Bootstrap, Weights
from tedbench.pair import EditPair


class Texts(NamedTuple):
    """Embeddings of a pair's texts in their templates, (T, D) each.

    Attributes:
        target: of the target text, for the whole result.
        screen: of the target object before a green screen, for the layer alone.
        direction: from the source object to the target object, for the change.
        source: of the source object as it stands, (D,), for its location.
    """

    target: Tensor
    screen: Tensor
    direction: Tensor
    source: Tensor

    @classmethod
    def of(cls, pair: EditPair, clip: Clip) -> Texts:
        """Embed the texts of a pair that has object phrases."""
        before, after = str(pair.entry.source_object), str(pair.entry.target_object)

        def encode(texts: tuple[str, ...], text: str) -> Tensor:
            return clip.encode_texts(templates.fill(texts, text))

        return cls(
            target=encode(templates.TEMPLATES, templates.phrase(pair.target_text)),
            screen=encode(templates.SCREEN_TEMPLATES, after),
            direction=encode(templates.TEMPLATES, after) - encode(templates.TEMPLATES, before),
            source=clip.encode_texts([before])[0],
        )


class Objective:
    """The loss of a training step, over variants of the input and the layers generated for them."""

    def __init__(self, clip: Clip, views: ClipViews, texts: Texts, weights: Weights, bootstrap: Bootstrap) -> None:
        self.clip, self.views, self.texts = clip, views, texts
        self.weights, self.bootstrap = weights, bootstrap

    def __call__(self, images: Sequence[Tensor], layers: Sequence[EditLayer], step: int) -> Tensor:
        """Return the weighted sum of the terms, a scalar.

        Args:
            images: variants of the input, (1, 3, h, w) each.
            layers: the layer of each.
            step: from 0.
        """
        w = self.weights
        composites = [layer.over(image) for image, layer in zip(images, layers, strict=True)]
        terms = [
            (w.composite, lambda: self._towards(self.texts.target, composites) + self._change(images, composites)),
            (w.screen, lambda: self._towards(self.texts.screen, [layer.over_green() for layer in layers])),
            (w.structure, lambda: _mean(self._structure(*both) for both in zip(images, composites, strict=True))),
            (w.sparsity, lambda: _mean(losses.sparsity(layer.alpha, l1=w.l1, l0=w.l0) for layer in layers)),
            (self._bootstrap_weight(step), lambda: self._place(images, layers)),
        ]
        return torch.stack(
            [weight * term() for weight, term in terms if weight > 0] or [0 * layers[0].alpha.sum()]
        ).sum()

    def _towards(self, texts: Tensor, images: Sequence[Tensor]) -> Tensor:
        chosen = texts[templates.draw(len(texts))]
        return _mean(losses.clip_distance(self._embed(image), chosen) for image in images)

    def _change(self, before: Sequence[Tensor], after: Sequence[Tensor]) -> Tensor:
        chosen = self.texts.direction[templates.draw(len(self.texts.direction))]
        return _mean(
            losses.directional(self._embed(a), self._embed(b), chosen) for a, b in zip(before, after, strict=True)
        )

    def _structure(self, before: Tensor, after: Tensor) -> Tensor:
        return losses.structure(self.clip.tokens(before), self.clip.tokens(after))

    def _place(self, images: Sequence[Tensor], layers: Sequence[EditLayer]) -> Tensor:
        def of(image: Tensor, layer: EditLayer) -> Tensor:
            place = relevancy(self.clip, image, self.texts.source, self.bootstrap.blocks)
            return F.mse_loss(self.clip.resize(layer.alpha), self.clip.resize(place))

        return _mean(of(*both) for both in zip(images, layers, strict=True))

    def _bootstrap_weight(self, step: int) -> float:
        """Return the weight of a step; it falls linearly, to 0 at the last of its steps."""
        steps = self.bootstrap.steps
        return self.bootstrap.weight * (1 - (step + 1) / steps) if step < steps else 0.0

    def _embed(self, image: Tensor) -> Tensor:
        return self.clip.encode_images(self.views(image))


def _mean(values: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(values)).mean()
