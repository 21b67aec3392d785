"""Training scenes that are drawn anew during training, with their images or latents, and captions."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from picturebook.train.data import scene_captions
from picturebook.train.processes import rank, share
from picturebook.train.tokenizer import MAX_TOKENS
from picturebook.world import KINDS, PLACES, WEATHERS, Scene, draw_scene
from picturebook.world.scene import INDOORS

CAPTIONS = 4
"""Captions of each scene."""
EMPTY = 0.1
"""Share of the captions that are replaced by the empty text, for classifier-free guidance."""
HARD = 0.5
"""Share of the scenes that are drawn by :func:`hard_scene`; the others are drawn evenly."""

LIMBS = ("cat", "dog", "horse", "person")

Encode = Callable[[list[Any]], tuple[Tensor, Tensor]]
"""Mean and standard deviation of the latents of scenes, (N, C, h, w) each; of images the deviation is 0."""
Draw = Callable[[int, int], Any]
"""Returns the item to train on, a scene or an edit of one, from its index in an endless sequence and the sequence's seed."""
Texts = Callable[[Any, int], list[str]]
"""Returns a number of texts of a scene or an edit."""


def fresh_scene(index: int, seed: int = 0) -> Scene:
    """Return the ``index``-th scene of an endless sequence, with other seeds than pairs and held-out scenes."""
    rng = random.Random(f"fresh {seed} {index}")
    return hard_scene(rng) if rng.random() < HARD else draw_scene(rng)


def hard_scene(rng: random.Random) -> Scene:
    """Draw a scene with what models learn last.

    These are animals and persons, accessories, several subjects, other things, the street with its windows, rain, snow
    and fog. A kind is drawn as often as it has states, kinds with limbs twice as often; if the kind can have something
    beside it, the scene has one of these.
    """
    name = rng.choices(list(KINDS), [len(k.states) * (2 if n in LIMBS else 1) for n, k in KINDS.items()])[0]
    kind = KINDS[name]
    extras: list[dict[str, object]] = [{"accessory": accessory} for accessory in kind.accessories]
    extras += [{"count": count} for count in kind.counts[1:]]
    extras += [
        {"other": other, "relation": relation} for other, relations in kind.relations.items() for relation in relations
    ]
    plain: dict[str, object] = {"accessory": "", "count": 1, "other": "", "relation": ""}
    seen = {"place": rng.choices(PLACES, [3 if place == "street" else 1 for place in PLACES])[0]}
    if seen["place"] not in INDOORS:
        seen["weather"] = rng.choices(WEATHERS, [3 if weather == "clear" else 1 for weather in WEATHERS])[0]
    return draw_scene(rng, kind=name, **seen, **(plain | (rng.choice(extras) if extras else {})))


class FreshScenes:
    """A pool of scenes, or of edits; each batch replaces the oldest by new ones."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        encode: Encode,
        *,
        size: int,
        per_batch: int,
        seed: int,
        done: int = 0,
        draw: Draw = fresh_scene,
        texts: Texts = scene_captions,
    ) -> None:
        """
        Args:
            tokenizer, encode: of captions and images.
            size: number of scenes at a time.
            per_batch: number of scenes that each batch replaces, of all processes together.
            seed: of the sequence of scenes; each process of a training has another sequence.
            done: number of batches drawn before, by a training that is resumed; their scenes are not drawn again.
            draw, texts: of scenes, or of edits.
        """
        self._tokenizer, self._encode, self._per_batch = tokenizer, encode, share(per_batch)
        self._seed = seed + 1_000_000 * rank()
        self._draw_one, self._texts = draw, texts
        self.next, self._oldest = size + self._per_batch * done if done else 0, 0
        parts = [self._draw(min(256, size - start)) for start in range(0, size, 256)]
        self._mean, self._std, self._tokens = (torch.cat(part) for part in zip(*parts, strict=True))
        self._nothing = self._tokenize([""])[0]

    def batch(self, count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return this process's part of a batch: latents (B, C, h, w), sampled from their posterior, and tokens (B, L).

        Args:
            count: size of the batch, of all processes together.
            rng: chooses scenes, captions, and those that are replaced by the empty text.
        """
        where = torch.arange(self._oldest, self._oldest + self._per_batch) % len(self._mean)
        self._mean[where], self._std[where], self._tokens[where] = self._draw(self._per_batch)
        self._oldest = (self._oldest + self._per_batch) % len(self._mean)
        index = torch.randint(len(self._mean), (share(count),), generator=rng)
        x0 = self._mean[index] + self._std[index] * torch.randn(self._std[index].shape, generator=rng)
        tokens = self._tokens[index, torch.randint(CAPTIONS, index.shape, generator=rng)]
        tokens[torch.rand(len(index), generator=rng) < EMPTY] = self._nothing
        return x0, tokens

    def _draw(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        scenes = [self._draw_one(self.next + i, self._seed) for i in range(count)]
        self.next += count
        texts = [text for scene in scenes for text in self._texts(scene, CAPTIONS)]
        return *self._encode(scenes), self._tokenize(texts).reshape(count, CAPTIONS, -1)

    def _tokenize(self, texts: list[str]) -> Tensor:
        found = self._tokenizer(texts, padding="max_length", max_length=MAX_TOKENS, return_tensors="pt")
        return torch.as_tensor(found.input_ids)
