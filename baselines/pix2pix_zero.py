"""pix2pix-zero (Parmar et al., arXiv 2302.03027): the caption shifted by a direction, with the input's cross-attention."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from baselines.inversion import InversionEdit, InversionEditor
from baselines.regularised_inversion import Regularisation, regularised_inversion
from imagic.models.attention import AttentionControl
from imagic.models.base import TextToImage
from imagic.models.batched import Row
from imagic.models.control import Layer, Moment
from imagic.models.sampling import ALONE, guided
from imagic.models.text import Text
from tedbench.method import Axis, Description
from tedbench.pair import EditPair
from tedbench.seeding import generator
from tedbench.settings import Amount, Count, checked_block

SENTENCES = (
    "{}",
    "a {}",
    "the {}",
    "one {} alone",
    "A photo of a {}.",
    "A photo of the {}.",
    "A picture of a {} outside.",
    "There is a {} in the picture.",
    "Here you see the {} from the side.",
    "A good photo of one {}.",
    "The {} is in the middle.",
    "A close view of the {}, in colour.",
)
"""Sentences in which the object before and after the edit takes the place of {}, for the direction of the edit."""


class Pix2PixZero(InversionEditor):
    """pix2pix-zero; its strength is the scale of the direction, and 0 is the reconstruction of the input.

    The input is inverted under its caption. Beside a decoding of the caption, a second one follows the caption's
    embedding plus the direction from the source object to the target object, guided against the caption; at each step
    x_t takes one gradient step towards the first one's cross-attention maps. The target text is not read.
    """

    needs: tuple[str, ...] = ("source_text", "source_object", "target_object")
    axis = Axis("scale", "s", (0.0, 0.5, 1.0, 1.5), least=0.0)
    cost: ClassVar[str] = "N + 9N"

    def __init__(
        self,
        model: TextToImage,
        *,
        sampling: Mapping[str, Any],
        regularisation: Mapping[str, Any],
        moves: Literal["copies", "shared"] = "copies",
        seed: int = 0,
        sample_batch: int = 16,
        fit_batch: int = 1,
    ) -> None:
        """
        Args:
            model, seed, sample_batch, fit_batch: see :class:`~baselines.inversion.InversionEditor`.
            sampling: ``steps`` of DDIM each way, ``guidance`` against the caption, and ``rate`` of the gradient steps on
                x_t (0 takes none).
            regularisation: of the inversion, see :class:`~baselines.regularised_inversion.Regularisation`.
            moves: "copies" as in the authors' code: of x_t there is one for each of the two texts, each with its own
                gradient, and the caption's goes on. "shared": one x_t with the gradient under the shifted text.
        """
        checked = _sampling(sampling)
        super().__init__(model, steps=checked["steps"], seed=seed, sample_batch=sample_batch, fit_batch=fit_batch)
        self.guidance, self.rate = checked["guidance"], checked["rate"]
        self.regularisation, self.moves = _regularisation(regularisation), moves

    @classmethod
    def describe(cls, settings: Mapping[str, Any]) -> Description:
        _sampling(settings["sampling"])
        _regularisation(settings["regularisation"])
        return super().describe(settings)

    def trajectory(
        self, pairs: Sequence[EditPair], x0: Tensor, text: Text, progress: Callable[[int], None]
    ) -> list[Tensor]:
        """Invert with the regularisation, whose shifts depend on the pair alone and not on the run's seed."""
        rngs = [generator(0, pair.id, "shifts of the auto-correlation") for pair in pairs]
        return regularised_inversion(
            self.model, x0, text, steps=self.steps, rule=self.regularisation, rngs=rngs, progress=progress
        )

    def open(self, pair: EditPair, path: list[Tensor]) -> Pix2PixZeroEdit:
        return Pix2PixZeroEdit(self, pair, path[:1])

    def make(self, rows: Sequence[Row]) -> Tensor:
        """Decode the caption and the shifted caption in step. The seed has no effect."""
        caption = Text.cat([row.edit.caption for row in rows])
        shifted = Text.cat([row.edit.shifted(row.strength) for row in rows])
        x_T = torch.cat([row.edit.path[0] for row in rows]).to(self.model.device)  # noqa: N806
        return self.decode(x_T, caption, shifted)

    @torch.no_grad()
    def decode(self, x_T: Tensor, caption: Text, shifted: Text) -> Tensor:  # noqa: N803
        """Return x0 of the shifted texts, (B, C, h, w).

        Args:
            x_T: the inverted inputs, (B, C, h, w).
            caption, shifted: B texts each.
        """
        process, levels, maps = self.model.process, self.model.process.schedule(self.steps), CrossMaps()
        count, both = len(x_T), Text.cat([caption, shifted])
        reference = x = x_T
        with self.model.attention(maps):
            for i in range(self.steps):
                t, s, step = levels[i], levels[i + 1], {"step": i, "steps": self.steps}
                at = torch.cat([x, x])
                if self.rate:
                    out = guided(self.model, reference, t.repeat(count), caption, caption, ALONE, **step)
                    wanted = maps.take()
                    reference = process.step(reference, out, t, s)
                    if self.moves == "copies":
                        wanted = {name: torch.cat([p, p]) for name, p in wanted.items()}
                        at = self._nearer(at, t, both, wanted, maps, i)
                    else:
                        at = self._nearer(x, t, shifted, wanted, maps, i).repeat(2, 1, 1, 1)
                negative, text = self._predict(at, t, both, i).chunk(2)
                maps.take()
                x = process.step(at[:count], negative + self.guidance * (text - negative), t, s)
        return x

    def _nearer(
        self, x: Tensor, t: Tensor, text: Text, wanted: Mapping[str, Tensor], maps: CrossMaps, i: int
    ) -> Tensor:
        """Return x_t after a gradient step that brings its cross-attention maps nearer to the wanted ones."""
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            self._predict(x, t, text, i)
            loss, texts = torch.zeros((), device=x.device), 2 if self.moves == "copies" else 1
            for name, p in maps.take().items():
                # as in the authors' code: summed over positions and tokens, averaged over heads and the two texts
                loss = loss + ((p - wanted[name]).float() ** 2).sum((2, 3)).mean(1).sum() / texts
            (gradient,) = torch.autograd.grad(loss, x)
        return (x - self.rate * gradient).detach()

    def _predict(self, x: Tensor, t: Tensor, text: Text, i: int) -> Tensor:
        """Return the prediction at step i, (B, C, h, w), for B texts, or for B / 2 captions before as many shifted ones."""
        self.model.announce(Moment(i, self.steps, {(0, "text"): slice(0, len(x))}))
        return self.model.predict(x, t.repeat(len(x)), text)


class CrossMaps(AttentionControl):
    """Keeps the maps of all cross-attention layers until they are taken, with their gradients if there are any."""

    def __init__(self) -> None:
        self._maps: dict[str, Tensor] = {}

    def wants(self, layer: Layer) -> bool:
        return layer.kind == "cross"

    def probabilities(self, layer: Layer, p: Tensor) -> Tensor:
        self._maps[layer.name] = p
        return p

    def take(self) -> dict[str, Tensor]:
        """Return the maps of the last prediction by layer, (B, H, Q, K) each, and forget them."""
        found, self._maps = self._maps, {}
        return found


class Pix2PixZeroEdit(InversionEdit):
    """A pair with its inverted noise, its caption and the direction of its edit."""

    def __init__(self, editor: Pix2PixZero, pair: EditPair, path: list[Tensor]) -> None:
        super().__init__(editor, pair, path)
        self.caption = editor.model.encode_text([pair.source_text or ""])
        entry = pair.entry
        self._before, self._after = (
            [sentence.replace("{}", (phrase or "").strip()) for sentence in SENTENCES]
            for phrase in (entry.source_object, entry.target_object)
        )

    @cached_property
    def direction(self) -> list[Tensor]:
        """The mean embedding of sentences with the target object minus that with the source object, part by part."""
        model: TextToImage = self._editor.model
        before, after = (model.encode_text(sentences).parameters() for sentences in (self._before, self._after))
        return [b.mean(0, keepdim=True) - a.mean(0, keepdim=True) for a, b in zip(before, after, strict=True)]

    def shifted(self, scale: float) -> Text:
        """Return the caption's embedding plus ``scale`` times the direction."""
        moved = zip(self.caption.parameters(), self.direction, strict=True)
        return self.caption.with_parameters([part + scale * way for part, way in moved])


def _sampling(settings: Mapping[str, Any]) -> dict[str, Any]:
    return checked_block("recipe.pix2pix_zero.sampling", settings, steps=Count, guidance=Amount, rate=Amount)


def _regularisation(settings: Mapping[str, Any]) -> Regularisation:
    return Regularisation.of("recipe.pix2pix_zero.regularisation", settings)
