"""The interface between methods and models: texts and images in, noise predictions in between, images out."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from torch import Tensor

from imagic.models.device import TF32
from tedbench.errors import UserError
from tedbench.pair import EditPair

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}  # float16 loses gradients without loss scaling


class DiffusionModel(ABC):
    """A network that predicts noise given a text embedding, and the noise schedule that it was trained with.

    Attributes:
        name: the model's name in run folders.
        network: f_θ.
        scheduler: DDIM on the model's own schedule.
        alphas_cumprod: ᾱ_t of that schedule, (T,) float32.
        prediction_type: ``epsilon`` or ``v_prediction``.
    """

    def __init__(
        self, network: UNet2DConditionModel, scheduler: DDIMScheduler, *, name: str, device: str, dtype: str
    ) -> None:
        """
        Args:
            network: converted to float32, in evaluation mode and without gradients.
            scheduler: see the class.
            name: see the class.
            device: a torch device.
            dtype: the precision in which ``network`` computes (autocast).

        Raises:
            UserError: an unknown ``dtype``, or a network that predicts neither ε nor v.
        """
        self.name, self.device = name, torch.device(device)
        if dtype not in DTYPES:  # tf32 is float32 to a network, and a setting of the process
            raise UserError(
                f"The network cannot compute in {dtype!r}. numerics.dtype can be {', '.join((*DTYPES, TF32))}."
            )
        self._dtype = DTYPES[dtype]
        network = network.float().to(self.device, memory_format=torch.channels_last)
        self.network, self.scheduler = network.eval().requires_grad_(False), scheduler
        self.alphas_cumprod = scheduler.alphas_cumprod.to(self.device)
        self.prediction_type: str = scheduler.config.prediction_type
        if self.prediction_type not in ("epsilon", "v_prediction"):
            raise UserError(
                f"{name} predicts {self.prediction_type!r}. Only epsilon and v_prediction models can be used."
            )

    @abstractmethod
    def predict(self, x_t: Tensor, t: Tensor, e: Tensor) -> Tensor:
        """Return f_θ(x_t, t, e): (B, C, h, w), (B,), (B, L, D) to (B, C, h, w) in x_t's dtype; differentiable."""

    def add_noise(self, x0: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        """Return x_t = √ᾱ_t x0 + √(1 − ᾱ_t) ε (paper, equation 1), batched over t: (B,) int64."""
        alpha, sigma = self._alpha_sigma(t)
        return alpha * x0 + sigma * eps

    def target(self, x0: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        """Return the training target at x_t: ε, or v = √ᾱ_t ε − √(1 − ᾱ_t) x0 (Salimans & Ho, arXiv 2202.00512)."""
        if self.prediction_type == "epsilon":
            return eps
        alpha, sigma = self._alpha_sigma(t)
        return alpha * eps - sigma * x0

    def _alpha_sigma(self, t: Tensor) -> tuple[Tensor, Tensor]:
        alpha_bar = self.alphas_cumprod[t].reshape(-1, 1, 1, 1)
        return alpha_bar.sqrt(), (1 - alpha_bar).sqrt()

    def _compute(self) -> AbstractContextManager[object]:
        if self._dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self._dtype)


class TrainableStage(Protocol):
    """A stage above the base model that can be fine-tuned on one image (the paper's section 3.3)."""

    network: UNet2DConditionModel

    def example(self, image: np.ndarray, rng: torch.Generator) -> tuple[DiffusionModel, Tensor]:
        """Return the diffusion model and the x0 that a denoising loss on this image needs."""


class TextToImage(DiffusionModel):
    """A model that generates images from texts.

    Attributes:
        image_size: side of the images it takes and makes, in pixels.
        upscaler: the first stage above the base model, if there is one.
        compiled: True if its networks are compiled (:mod:`imagic.models.compiled`).
    """

    image_size: int
    upscaler: TrainableStage | None = None
    compiled: bool = False

    @property
    @abstractmethod
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, h, w) of the x0 of one image."""

    @abstractmethod
    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Return embeddings of texts: (B, L, D) float32. A long text is cut before its end token, with a warning."""

    @abstractmethod
    def encode_image(self, image: np.ndarray, rng: torch.Generator | None = None) -> Tensor:
        """Return x0 of an image: (H, W, 3) uint8 to (1, C, h, w) float32.

        For a model that encodes to a distribution this is its mean, or a sample of it if a CPU generator is given.
        """

    @abstractmethod
    def finish(self, x0: Tensor, text: str, rngs: Sequence[torch.Generator]) -> np.ndarray:
        """Return the images of x0: (B, C, h, w) float32 to (B, H, W, 3) uint8.

        Args:
            x0: sampled latents.
            text: the target text, on which a cascade's later stages are conditioned.
            rngs: a CPU generator for each image, from which those stages draw.
        """

    def require_size(self, pair: EditPair) -> None:
        """Raise UserError unless the pair has the size of the model's images."""
        if pair.image.shape[0] != self.image_size:
            raise UserError(
                f"The pair {pair.id} is {pair.image.shape[0]}² and the model {self.name} takes {self.image_size}². "
                f"Give dataset.size={self.image_size}."
            )


class Tokens(NamedTuple):
    """Token ids and attention mask of texts, each (B, L) int64."""

    input_ids: Tensor
    attention_mask: Tensor


def limit_length(tokenizer: Any, text_encoder: Any) -> None:
    """Limit a tokenizer to the length that its encoder can read; not every folder's tokenizer knows its length."""
    tokenizer.model_max_length = min(tokenizer.model_max_length, text_encoder.config.max_position_embeddings)


def tokens(tokenizer: Any, texts: Sequence[str], name: str, length: int | None = None) -> Tokens:
    """Return the tokens of texts, padded and cut to the tokenizer's length; a warning names each text that is cut."""
    length = length or tokenizer.model_max_length
    found = tokenizer(list(texts), padding="max_length", max_length=length, truncation=True, return_tensors="pt")
    for text in texts:
        if len(tokenizer(text).input_ids) > length:
            warnings.warn(f"{name} reads {length} tokens; the end of this text is cut off: {text!r}", stacklevel=4)
    return Tokens(found.input_ids, found.attention_mask)


def to_model_space(image: np.ndarray) -> Tensor:
    """Convert (H, W, 3) uint8 to (1, 3, H, W) float32 in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float() / 127.5 - 1


def to_images(x: Tensor) -> np.ndarray:
    """Convert (B, 3, H, W) in [-1, 1] to (B, H, W, 3) uint8."""
    pixels = ((x + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
