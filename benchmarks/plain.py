"""Imagic in its plainest form: the reference of speed and of closeness for :mod:`benchmarks.imagic`.

One draw and one image at a time, in the default memory layout, everything requiring gradients in both stages, and
torch's loop of Adam tensor by tensor. Draws are those of :mod:`imagic`, so that both give the same result.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imagic.models.flow import Flow
from imagic.models.latent_model import LatentModel
from imagic.models.text import Text
from tedbench.pair import EditPair
from tedbench.seeding import generator


class PlainImagic:
    """Fits one pair with a copy of the model's network; the model does not change."""

    def __init__(
        self, model: LatentModel, embedding: dict[str, Any], finetune: dict[str, Any], sampling: dict[str, Any]
    ) -> None:
        """
        Args:
            model: the model to copy the network of.
            embedding, finetune, sampling: settings of :class:`imagic.editor.Imagic`; the learning rate is fixed and no
                draw is without text.
        """
        self.model, self._embedding, self._finetune, self._sampling = model, embedding, finetune, sampling
        self.network = copy.deepcopy(model.network).to(memory_format=torch.contiguous_format)
        self.network.requires_grad_(True)
        self.e_tgt = self.e_opt = self.e_null = Text(torch.empty(0))
        self._pair_id = ""

    def fit(self, pair: EditPair) -> None:
        """Run stages A and B."""
        model, self._pair_id = self.model, pair.id
        x0 = model.encode_image(pair.image).contiguous()
        self.e_tgt, self.e_null = (model.encode_text([text]) for text in (pair.target_text, ""))
        self.e_opt = self.e_tgt.clone()
        self._descend(
            x0,
            [part.requires_grad_() for part in self.e_opt.parameters()],
            self._embedding,
            generator(0, pair.id, "embedding"),
        )
        self.e_opt = self.e_opt.clone()
        self._descend(x0, list(self.network.parameters()), self._finetune, generator(0, pair.id, "fine-tuning"))

    def _descend(self, x0: Tensor, what: list[Any], settings: dict[str, Any], rng: torch.Generator) -> None:
        adam = torch.optim.Adam(what, lr=settings["lr"], foreach=False)
        draws = settings["draws"]
        for _ in range(settings["steps"]):
            self.network.zero_grad()
            adam.zero_grad()
            t = self.model.process.draw(draws, rng).to(x0.device)
            eps = torch.randn((draws, *x0.shape[1:]), generator=rng).to(x0.device)
            for k in range(draws):
                x_t = self.model.process.mix(x0, eps[k : k + 1], t[k : k + 1])
                out = self._predict(x_t, self._timesteps(t[k : k + 1]), self.e_opt)
                wanted = self.model.process.target(x0, eps[k : k + 1], t[k : k + 1])
                ((wanted - out).square().mean() / draws).backward()
            adam.step()

    def _predict(self, x_t: Tensor, timesteps: Tensor, text: Text) -> Tensor:
        """Return the network's output at timesteps from 0 to 1000."""
        pooled = {"pooled_projections": text.pooled} if isinstance(self.model.process, Flow) else {}
        found = self.network(x_t, timestep=timesteps, encoder_hidden_states=text.tokens, **pooled).sample
        return torch.as_tensor(found)

    def _timesteps(self, levels: Tensor) -> Tensor:
        return 1000 * levels if isinstance(self.model.process, Flow) else levels

    @torch.no_grad()
    def sample(self, requests: Sequence[tuple[float, int]]) -> list[np.ndarray]:
        """Run stage C, one image at a time, like one call of a diffusers pipeline each."""
        made = []
        scheduler = copy.deepcopy(self.model.process.scheduler)
        for eta, seed in requests:
            rng = generator(0, self._pair_id, "initial noise", seed)
            x = torch.randn((1, *self.model.latent_shape), generator=rng).to(self.model.device)
            e = Text.cat([self.e_null, self.e_opt.lerp(self.e_tgt, eta)])
            scheduler.set_timesteps(self._sampling["steps"], device=self.model.device)
            for t in scheduler.timesteps:
                both = self._predict(torch.cat([x, x]), t.expand(2), e)
                out_null, out_text = both.chunk(2)
                out = out_null + self._sampling["guidance"] * (out_text - out_null)
                x = scheduler.step(out, t, x).prev_sample
            made.append(self.model.decode(x)[0])
        return made
