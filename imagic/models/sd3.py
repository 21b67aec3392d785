"""Stable Diffusion 3 and 3.5 (Esser et al., arXiv 2403.03206): a flow, a transformer, and up to three text encoders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel
from torch import Tensor
from torch.nn import functional as F
from transformers import (
    AutoTokenizer,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    PreTrainedTokenizerBase,
    T5EncoderModel,
)

from imagic.models.base import limit_length, token_spans
from imagic.models.choices import Density, Precision
from imagic.models.flow import Flow, levels_of
from imagic.models.folder import latent_channels, read_part, reading, require_channels
from imagic.models.latent_model import LatentModel, factor_of, is_absent
from imagic.models.text import Text
from tedbench.errors import UserError
from tedbench.settings import Count, Natural, checked

T5 = "text_encoder_3"
INSTEAD = "Give model.path the text-to-image model, such as that of model=sd35."


class StableDiffusion3(LatentModel):
    """A diffusers Stable Diffusion 3 folder: 3, 3.5 medium and 3.5 large.

    The network reads of a text the token states of both CLIP encoders side by side, followed by those of T5, and the
    pooled embeddings of both CLIP encoders.
    """

    NETWORK = "transformer"
    process: Flow

    def __init__(
        self,
        text_encoder: CLIPTextModelWithProjection,
        tokenizer: CLIPTokenizer,
        text_encoder_2: CLIPTextModelWithProjection,
        tokenizer_2: CLIPTokenizer,
        text_encoder_3: T5EncoderModel | None,
        tokenizer_3: PreTrainedTokenizerBase | None,
        vae: AutoencoderKL,
        transformer: SD3Transformer2DModel,
        scheduler: FlowMatchEulerDiscreteScheduler,
        *,
        t5: bool = True,
        t5_tokens: Natural = 256,
        density: Density = "uniform",
        weights: Precision = "float32",
        checkpointing: bool = False,
        name: str = "custom",
        image_size: Count | None = None,
        device: str = "cpu",
        dtype: str = "float32",
    ) -> None:
        """
        Args:
            text_encoder, tokenizer, text_encoder_2, tokenizer_2: of the CLIP models.
            text_encoder_3, tokenizer_3: of T5, or None.
            vae, transformer, scheduler: autoencoder, network, and shift of the flow's levels.
            t5: False leaves T5 out, which saves 9 GB in half precision; :meth:`load` reads it then.
            t5_tokens: number of T5's tokens. Without T5 they are zeros, as in diffusers' pipeline; 0 leaves them out.
            density: of the levels of a loss, see :class:`~imagic.models.flow.Flow`.
            weights: precision of the weights of network and T5: float32, or bfloat16 for half of the memory.
            checkpointing: see :class:`~imagic.models.latent_model.LatentModel`.
            name: the model's name in run folders.
            image_size: side of the pictures in pixels; None for the one that the network was trained on.
            device, dtype: see :class:`~imagic.models.base.DiffusionModel`.

        Raises:
            UserError: pictures of that size have more positions than the network knows, or a setting is wrong.
        """
        config, side = transformer.config, _side(transformer.config, vae.config, image_size)
        if side > config.pos_embed_max_size:
            raise UserError(
                f"{name} cannot take pictures of {image_size}². Give model.image_size at most "
                f"{config.pos_embed_max_size * config.patch_size * factor_of(vae.config)}."
            )
        super().__init__(
            vae,
            transformer,
            Flow(scheduler, name, torch.device(device), tokens=side**2, density=density),
            step=config.patch_size,
            native=config.sample_size,
            name=name,
            image_size=image_size,
            device=device,
            dtype=dtype,
            weights=weights,
            checkpointing=checkpointing,
        )
        self.text_encoder, self.text_encoder_2 = self.part(text_encoder), self.part(text_encoder_2)
        self.text_encoder_3 = self.large_part(text_encoder_3) if text_encoder_3 is not None and t5 else None
        limit_length(tokenizer, text_encoder)
        self.tokenizer, self.tokenizer_2, self.tokenizer_3 = tokenizer, tokenizer_2, tokenizer_3
        self._t5_tokens = checked("model.t5_tokens", t5_tokens, Natural)

    @staticmethod
    def _takes(kind: str) -> bool:
        return kind.startswith("StableDiffusion3")

    @classmethod
    def levels(cls, folder: Path, settings: Mapping[str, Any], steps: int) -> list[float]:
        cls.index_of(folder)
        with reading(folder):
            config = SD3Transformer2DModel.load_config(folder / "transformer", local_files_only=True)
            autoencoder = AutoencoderKL.load_config(folder / "vae", local_files_only=True)
            return levels_of(folder, steps, tokens=_side(config, autoencoder, settings.get("image_size")) ** 2)

    @classmethod
    def _encoders(cls, folder: Path, index: dict[str, Any], settings: dict[str, Any]) -> list[str]:
        without = not settings.get("t5", True) or is_absent(index, T5)
        return super()._encoders(folder, {part: index[part] for part in index if part != T5 or not without}, settings)

    @classmethod
    def _check(cls, folder: Path) -> None:
        latents = latent_channels(folder)
        require_channels(
            folder, latents, "its autoencoder", gives=[latents], instead=INSTEAD, network=SD3Transformer2DModel
        )

    @classmethod
    def _read(cls, folder: Path, index: dict[str, Any], encoders: Sequence[str], stored: torch.dtype) -> dict[str, Any]:
        parts: dict[str, Any] = {T5: None, "tokenizer_3": None}
        for number in ("", "_2"):
            encoder, tokenizer = f"text_encoder{number}", f"tokenizer{number}"
            parts[encoder] = read_part(CLIPTextModelWithProjection, folder, encoder)
            parts[tokenizer] = read_part(CLIPTokenizer, folder, tokenizer)
        if T5 in encoders:
            parts[T5] = read_part(T5EncoderModel, folder, T5, stored)
            parts["tokenizer_3"] = read_part(AutoTokenizer, folder, "tokenizer_3")
        return {
            **parts,
            "vae": read_part(AutoencoderKL, folder, "vae"),
            "transformer": read_part(SD3Transformer2DModel, folder, "transformer", stored),
            "scheduler": read_part(FlowMatchEulerDiscreteScheduler, folder, "scheduler"),
        }

    @torch.no_grad()
    def encode_text(self, texts: Sequence[str]) -> Text:
        length = self.tokenizer.model_max_length
        one = self.text_encoder(self._tokens(self.tokenizer, texts, length), output_hidden_states=True)
        two = self.text_encoder_2(self._tokens(self.tokenizer_2, texts, length), output_hidden_states=True)
        states = torch.cat([one.hidden_states[-2], two.hidden_states[-2]], dim=-1)
        width = self.network.config.joint_attention_dim
        if self.text_encoder_3 is not None and self._t5_tokens:
            last = self.text_encoder_3(self._tokens(self.tokenizer_3, texts, self._t5_tokens))[0].float()
        else:
            last = states.new_zeros(len(states), self._t5_tokens, width)
        together = torch.cat([F.pad(states, (0, width - states.shape[-1])), last], dim=1)
        return Text(together, torch.cat([one.text_embeds, two.text_embeds], dim=-1), written=tuple(texts))

    def spans(self, text: str) -> list[tuple[int, int]]:
        found = token_spans(self.tokenizer, text)
        if self.text_encoder_3 is None or not self._t5_tokens:
            return [*found, *[(0, 0)] * self._t5_tokens]
        return [*found, *token_spans(self.tokenizer_3, text, self._t5_tokens)]

    def predict(self, x_t: Tensor, t: Tensor, text: Text) -> Tensor:
        with self._compute():
            out = self.network(
                hidden_states=x_t,
                timestep=t * self.process.scheduler.config.num_train_timesteps,
                encoder_hidden_states=text.tokens,
                pooled_projections=text.pooled,
                return_dict=False,
            )[0]
            return self._counted(out).to(x_t.dtype)


def _side(network: Mapping[str, Any], autoencoder: Mapping[str, Any], image_size: int | None) -> int:
    """Return the number of positions along an image's side, from the configurations of network and autoencoder."""
    side = image_size // factor_of(autoencoder) if image_size else network["sample_size"]
    return int(side // network["patch_size"])
