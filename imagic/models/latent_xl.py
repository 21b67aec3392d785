"""Stable Diffusion XL (Podell et al., arXiv 2307.01952): two text encoders, a pooled embedding, and size conditioning."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from imagic.models.base import limit_length
from imagic.models.folder import read_part
from imagic.models.latent import LatentDiffusion, read_image_parts
from imagic.models.text import Text


class LatentDiffusionXL(LatentDiffusion):
    """A diffusers Stable Diffusion XL folder (the base model).

    The network takes two embeddings of a text: the token states of both encoders side by side, and the second encoder's
    pooled embedding. The size conditioning is that of an uncropped image of ``image_size``.
    """

    def __init__(
        self,
        text_encoder: CLIPTextModel,
        tokenizer: CLIPTokenizer,
        text_encoder_2: CLIPTextModelWithProjection,
        tokenizer_2: CLIPTokenizer,
        vae: AutoencoderKL,
        unet: UNet2DConditionModel,
        scheduler: DDIMScheduler,
        *,
        empty_is_zero: bool = True,
        **settings: Any,
    ) -> None:
        """
        Args:
            empty_is_zero: the empty text's embedding is all zeros, as the published base model was trained; otherwise
                the encoders' own.
            settings: as for :class:`LatentDiffusion`.
        """
        super().__init__(text_encoder, tokenizer, vae, unet, scheduler, **settings)
        self.text_encoder_2 = self.part(text_encoder_2)
        limit_length(tokenizer_2, text_encoder_2)
        self.tokenizer_2, self._empty_is_zero = tokenizer_2, empty_is_zero

    @staticmethod
    def _takes(kind: str) -> bool:
        return kind.startswith("StableDiffusionXL")

    @classmethod
    def _read(cls, folder: Path, index: dict[str, Any], encoders: Sequence[str], stored: torch.dtype) -> dict[str, Any]:
        return {
            "text_encoder": read_part(CLIPTextModel, folder, "text_encoder"),
            "tokenizer": read_part(CLIPTokenizer, folder, "tokenizer"),
            "text_encoder_2": read_part(CLIPTextModelWithProjection, folder, "text_encoder_2"),
            "tokenizer_2": read_part(CLIPTokenizer, folder, "tokenizer_2"),
            **read_image_parts(folder),
            "empty_is_zero": bool(index.get("force_zeros_for_empty_prompt", True)),
        }

    @torch.no_grad()
    def encode_text(self, texts: Sequence[str]) -> Text:
        one = self.text_encoder(self._tokens(self.tokenizer, texts), output_hidden_states=True)
        two = self.text_encoder_2(self._tokens(self.tokenizer_2, texts), output_hidden_states=True)
        states, pooled = torch.cat([one.hidden_states[-2], two.hidden_states[-2]], dim=-1), two.text_embeds
        if self._empty_is_zero:
            for part in (states, pooled):
                part[[not text for text in texts]] = 0
        return Text(states, pooled, written=tuple(texts))

    def predict(self, x_t: Tensor, t: Tensor, text: Text) -> Tensor:
        side = float(self.image_size)
        conditions = {
            "text_embeds": text.pooled,
            "time_ids": x_t.new_tensor([side, side, 0, 0, side, side]).expand(len(x_t), -1),  # size, crop, size
        }
        with self._compute():
            x_t = x_t.contiguous(memory_format=torch.channels_last)
            out = self.network(x_t, t, encoder_hidden_states=text.tokens, added_cond_kwargs=conditions)
            return self._counted(out.sample).to(x_t.dtype)
