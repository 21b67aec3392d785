"""FLUX.1 dev and schnell (Black Forest Labs): a flow, and a transformer that works on packed latents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxTransformer2DModel
from torch import Tensor
from transformers import AutoTokenizer, CLIPTextModel, CLIPTokenizer, PreTrainedTokenizerBase, T5EncoderModel

from imagic.models.base import limit_length, token_spans
from imagic.models.choices import Density, Precision
from imagic.models.flow import Flow, levels_of
from imagic.models.folder import latent_channels, read_part, reading, require_channels
from imagic.models.latent_model import LatentModel, factor_of
from imagic.models.text import Text
from tedbench.settings import Count, checked

PATCH = 2
"""Side of the square of latent positions that are packed into one position of the network."""
SIDE = 1024
"""Side of its pictures unless another is given."""
INSTEAD = "Give model.path the text-to-image model, such as that of model=flux."


class Flux(LatentModel):
    """A diffusers FLUX.1 folder.

    The network reads the token states of T5 and the pooled state of CLIP. FLUX.1 dev is distilled: it takes the guidance
    as an input; 1 takes the place of no guidance, as in diffusers' training scripts. FLUX.1 schnell knows no guidance.
    """

    NETWORK = "transformer"
    packing = PATCH
    process: Flow

    def __init__(
        self,
        text_encoder: CLIPTextModel,
        tokenizer: CLIPTokenizer,
        text_encoder_2: T5EncoderModel,
        tokenizer_2: PreTrainedTokenizerBase,
        vae: AutoencoderKL,
        transformer: FluxTransformer2DModel,
        scheduler: FlowMatchEulerDiscreteScheduler,
        *,
        t5_tokens: Count = 512,
        density: Density = "uniform",
        weights: Precision = "float32",
        checkpointing: bool = False,
        name: str = "custom",
        image_size: Count = SIDE,
        device: str = "cpu",
        dtype: str = "float32",
    ) -> None:
        """
        Args:
            text_encoder, tokenizer: of CLIP.
            text_encoder_2, tokenizer_2: of T5.
            vae, transformer, scheduler: autoencoder, network, and shift of the flow's levels.
            t5_tokens: number of T5's tokens: 512 for dev, 256 for schnell.
            density: of the levels of a loss, see :class:`~imagic.models.flow.Flow`.
            weights: precision of the weights of network and T5: float32, or bfloat16 for half of the memory.
            checkpointing: see :class:`~imagic.models.latent_model.LatentModel`.
            name: the model's name in run folders.
            image_size: side of the pictures in pixels; the levels are shifted by it.
            device, dtype: see :class:`~imagic.models.base.DiffusionModel`.

        Raises:
            UserError: the network cannot take pictures of that size, or a setting is wrong.
        """
        side = image_size // factor_of(vae.config)
        super().__init__(
            vae,
            transformer,
            Flow(scheduler, name, torch.device(device), tokens=(side // PATCH) ** 2, linear=True, density=density),
            step=PATCH,
            native=side,
            name=name,
            image_size=image_size,
            device=device,
            dtype=dtype,
            weights=weights,
            checkpointing=checkpointing,
        )
        self.text_encoder, self.text_encoder_2 = self.part(text_encoder), self.large_part(text_encoder_2)
        limit_length(tokenizer, text_encoder)
        self.tokenizer, self.tokenizer_2 = tokenizer, tokenizer_2
        self._t5_tokens = checked("model.t5_tokens", t5_tokens, Count)
        self.distilled = bool(transformer.config.guidance_embeds)

    @classmethod
    def levels(cls, folder: Path, settings: Mapping[str, Any], steps: int) -> list[float]:
        cls.index_of(folder)
        with reading(folder):
            autoencoder = AutoencoderKL.load_config(folder / "vae", local_files_only=True)
            side = (settings.get("image_size") or SIDE) // factor_of(autoencoder) // PATCH
            return levels_of(folder, steps, tokens=side**2, linear=True)

    @staticmethod
    def _takes(kind: str) -> bool:
        return kind == "FluxPipeline"

    @classmethod
    def _check(cls, folder: Path) -> None:
        packed = latent_channels(folder) * PATCH**2
        require_channels(
            folder, packed, "a square of its latents", gives=[packed], instead=INSTEAD, network=FluxTransformer2DModel
        )

    @classmethod
    def _read(cls, folder: Path, index: dict[str, Any], encoders: Sequence[str], stored: torch.dtype) -> dict[str, Any]:
        return {
            "text_encoder": read_part(CLIPTextModel, folder, "text_encoder"),
            "tokenizer": read_part(CLIPTokenizer, folder, "tokenizer"),
            "text_encoder_2": read_part(T5EncoderModel, folder, "text_encoder_2", stored),
            "tokenizer_2": read_part(AutoTokenizer, folder, "tokenizer_2"),
            "vae": read_part(AutoencoderKL, folder, "vae"),
            "transformer": read_part(FluxTransformer2DModel, folder, "transformer", stored),
            "scheduler": read_part(FlowMatchEulerDiscreteScheduler, folder, "scheduler"),
        }

    @torch.no_grad()
    def encode_text(self, texts: Sequence[str]) -> Text:
        pooled = self.text_encoder(self._tokens(self.tokenizer, texts)).pooler_output
        states = self.text_encoder_2(self._tokens(self.tokenizer_2, texts, self._t5_tokens))[0].float()
        return Text(states, pooled, written=tuple(texts))

    def spans(self, text: str) -> list[tuple[int, int]]:
        return token_spans(self.tokenizer_2, text, self._t5_tokens)

    def predict(self, x_t: Tensor, t: Tensor, text: Text) -> Tensor:
        height, width = (side // PATCH for side in x_t.shape[2:])
        guidance = text.guidance
        if self.distilled and guidance is None:
            guidance = torch.ones(len(x_t), device=x_t.device)
        with self._compute():
            out = self.network(
                hidden_states=pack(x_t),
                timestep=t,
                guidance=guidance,
                pooled_projections=text.pooled,
                encoder_hidden_states=text.tokens,
                txt_ids=torch.zeros(text.tokens.shape[1], 3, device=x_t.device),
                img_ids=positions(height, width).to(x_t.device),
                return_dict=False,
            )[0]
            return self._counted(unpack(out, height, width)).to(x_t.dtype)


def pack(x: Tensor) -> Tensor:
    """Return latents as the network's positions: (B, C, h, w) to (B, h/2 · w/2, 4C), the channels first in each."""
    b, c, h, w = x.shape
    squares = x.reshape(b, c, h // PATCH, PATCH, w // PATCH, PATCH)
    return squares.permute(0, 2, 4, 1, 3, 5).reshape(b, (h // PATCH) * (w // PATCH), c * PATCH**2)


def unpack(x: Tensor, height: int, width: int) -> Tensor:
    """Return latents of packed ones, which undoes :func:`pack`; height and width are numbers of positions."""
    squares = x.reshape(len(x), height, width, -1, PATCH, PATCH)
    return squares.permute(0, 3, 1, 4, 2, 5).reshape(len(x), -1, height * PATCH, width * PATCH)


def positions(height: int, width: int) -> Tensor:
    """Return where each position is, as the rotary embedding reads it: (h · w, 3) of 0, row and column."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([torch.zeros_like(rows), rows, columns], dim=-1).reshape(-1, 3).float()
