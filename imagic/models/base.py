"""The interface between methods and models: texts and images in, predictions in between, images out."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from imagic.models.attention import AttentionControl, hooked_attention
from imagic.models.control import Control, Moment
from imagic.models.device import TF32
from imagic.models.pretrained import Pretrained
from imagic.models.process import Process
from imagic.models.residuals import ResidualControl, hooked_residuals
from imagic.models.text import Text
from imagic.models.values import ValueControl, hooked_values
from tedbench.errors import UserError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}  # float16 loses gradients without loss scaling


def stored_as(weights: str, dtype: str) -> torch.dtype:
    """Return the type of a network's weights.

    Args:
        weights: their precision, TF32 being float32.
        dtype: that in which the network computes.

    Raises:
        UserError: no such precision, or weights in bfloat16 that compute in float32.
    """
    if weights not in (*DTYPES, TF32):
        raise UserError(f"model.weights is {weights!r}. It can be {', '.join((*DTYPES, TF32))}.")
    stored = DTYPES.get(weights, torch.float32)
    if stored != torch.float32 == DTYPES.get(dtype):
        raise UserError("model.weights=bfloat16 computes in bfloat16. Give numerics.dtype=bfloat16 too.")
    return stored


class DiffusionModel(ABC):
    """A network that predicts noise, or what takes its place, given a text, and the noise process of its training.

    Attributes:
        name: the model's name in run folders.
        network: f_θ.
        process: the noise process and the kind of prediction.
        distilled: True if the network takes the guidance as an input, see :attr:`Text.guidance`, in place of a second
            prediction for the empty text.
        packing: side of the squares of x that the published pipeline packs into one position before the network; 1 if it
            packs none.
        compiled: True if its networks are compiled (:mod:`imagic.models.compiled`).
        evaluations: number of images that went through the network since the model was loaded; an image with a gradient
            counts three times, since a backward pass costs two forward passes.
    """

    distilled: bool = False
    packing: ClassVar[int] = 1
    compiled: bool = False
    evaluations: int = 0

    def __init__(
        self, network: nn.Module, process: Process, *, name: str, device: str, dtype: str, weights: str = "float32"
    ) -> None:
        """
        Args:
            network: in evaluation mode and without gradients.
            process: see the class.
            name: see the class.
            device: a torch device.
            dtype: the precision in which ``network`` computes (autocast).
            weights: the precision of the network's weights; bfloat16 halves their memory, and only adapters can be trained.

        Raises:
            UserError: an unknown ``dtype``, or see :func:`stored_as`.
        """
        self.name, self.device, self.process = name, torch.device(device), process
        if dtype not in DTYPES:  # tf32 is float32 to a network, and a setting of the process
            raise UserError(
                f"The network cannot compute in {dtype!r}. numerics.dtype can be {', '.join((*DTYPES, TF32))}."
            )
        self._dtype, self._stored = DTYPES[dtype], stored_as(weights, dtype)
        self.network: Any = self._rounded(network).to(memory_format=torch.channels_last).to(self.device)
        self.network.eval().requires_grad_(False)
        self._controls: list[Control] = []

    def _rounded(self, network: Any) -> Any:
        """Return a network in the precision of the model's weights."""
        return network.float() if self._stored == torch.float32 else network.bfloat16()

    @abstractmethod
    def predict(self, x_t: Tensor, t: Tensor, text: Text) -> Tensor:
        """Return f_θ(x_t, t, e): (B, C, h, w), levels (B,) and B texts to (B, C, h, w) in x_t's dtype; differentiable."""

    def attention(self, control: AttentionControl) -> AbstractContextManager[None]:
        """Let a control read and change the network's attention inside a ``with`` block.

        Raises:
            UserError: the network is compiled, or its attention is of another kind.
        """
        return self._controlled(control, hooked_attention)

    def residuals(self, control: ResidualControl) -> AbstractContextManager[None]:
        """Let a control read and change the residual branches of the network's ResNet blocks inside a ``with`` block.

        Raises:
            UserError: the network is compiled.
        """
        return self._controlled(control, hooked_residuals)

    def values(self, control: ValueControl) -> AbstractContextManager[None]:
        """Let a control read and change the values of a transformer's attention inside a ``with`` block.

        Raises:
            UserError: the network is compiled, or no transformer.
        """
        return self._controlled(control, hooked_values)

    @contextmanager
    def _controlled(self, control: Any, hooked: Callable[..., AbstractContextManager[None]]) -> Iterator[None]:
        if self.compiled:
            raise UserError("A compiled network cannot be controlled. Give numerics.compile=false.")
        with hooked(self.network, self.name, control):
            self._controls.append(control)
            try:
                yield
            finally:
                self._controls.remove(control)

    def announce(self, moment: Moment) -> None:
        """Tell the controls in force what the next prediction is of; samplers call it."""
        for control in self._controls:
            control.moment = moment

    def _counted(self, out: Tensor) -> Tensor:
        """Add a prediction of the network, (B, C, h, w), to :attr:`evaluations`."""
        self.evaluations += len(out) * (3 if out.requires_grad else 1)
        return out

    def _compute(self) -> AbstractContextManager[object]:
        if self._dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self._dtype)


class TrainableStage(Protocol):
    """A stage above the base model that can be fine-tuned on one image (the paper's section 3.3)."""

    network: nn.Module

    def example(self, image: np.ndarray, rng: torch.Generator) -> tuple[DiffusionModel, Tensor]:
        """Return the diffusion model and the x0 that a denoising loss on this image needs."""


class TextToImage(DiffusionModel, Pretrained):
    """A model that generates images from texts.

    Attributes:
        image_size: side of the images it takes and makes, in pixels.
        upscaler: the first stage above the base model, if there is one.
    """

    image_size: int
    upscaler: TrainableStage | None = None

    @classmethod
    def levels(cls, folder: Path, settings: Mapping[str, Any], steps: int) -> list[float] | None:
        """Return the noise levels of a sampling as far as they are not the model's own settings; part of a run's identity.

        diffusers' flow schedulers have changed what levels they compute of the same configuration, so that a run has to
        say them. Levels of other models are timesteps, which follow from the configuration.

        Args:
            folder: of the model; no weights are read.
            settings: of the model.
            steps: of the sampling.

        Returns:
            steps + 1 levels from noise to image, or None.
        """
        return None

    @property
    @abstractmethod
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, h, w) of the x0 of one image."""

    @abstractmethod
    def encode_text(self, texts: Sequence[str]) -> Text:
        """Return the embeddings of texts, float32. A long text is cut before its end token, with a warning."""

    @abstractmethod
    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return the characters (start, end) of a text that each token of :meth:`encode_text` stands for.

        A token that stands for none, such as the end token, has (0, 0). See :mod:`imagic.models.words`.
        """

    @abstractmethod
    def encode_image(self, image: np.ndarray, rng: torch.Generator | None = None) -> Tensor:
        """Return x0 of an image: (H, W, 3) uint8 to (1, C, h, w) float32.

        For a model that encodes to a distribution this is its mean, or a sample of it if a CPU generator is given.
        """

    @abstractmethod
    def decode(self, x0: Tensor, text: Text, rngs: Sequence[torch.Generator]) -> np.ndarray:
        """Return the images of x0: (B, C, h, w) float32 to (B, H, W, 3) uint8.

        Args:
            x0: sampled latents.
            text: the target text, one for all or one for each image, on which a cascade's later stages are conditioned.
            rngs: a CPU generator for each image, from which those stages draw.
        """


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


def token_spans(tokenizer: Any, text: str, length: int | None = None) -> list[tuple[int, int]]:
    """Return the characters of a text that each of :func:`tokens` stands for; (0, 0) where it stands for none."""
    length = length or tokenizer.model_max_length
    found = tokenizer(
        text, padding="max_length", max_length=length, truncation=True, return_offsets_mapping=True
    ).offset_mapping
    return [(int(start), int(end)) for start, end in found]


def to_model_space(image: np.ndarray) -> Tensor:
    """Convert (H, W, 3) uint8 to (1, 3, H, W) float32 in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float() / 127.5 - 1


def to_images(x: Tensor) -> np.ndarray:
    """Convert (B, 3, H, W) in [-1, 1] to (B, H, W, 3) uint8."""
    pixels = ((x + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
