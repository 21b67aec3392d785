"""The base of models that work on the latents of an autoencoder, in diffusers' pipeline folders."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from imagic.models.base import TextToImage, stored_as, to_images, to_model_space, tokens
from imagic.models.folder import pipeline_index, reading
from imagic.models.process import Process
from imagic.models.weights import locate, require_weights
from tedbench.errors import UserError
from tedbench.settings import Count


class LatentModel(TextToImage):
    """A text-to-image model with an autoencoder.

    Everything that depends on the model (latent scale and shift, prediction, sizes, noise schedule) is read from its own
    configuration. Weights and latents are float32; ``dtype`` is the precision in which the network computes (autocast).

    Attributes:
        vae: the autoencoder.
    """

    NETWORK = "unet"
    """The part of the folder that has the network."""

    def __init__(
        self,
        vae: AutoencoderKL,
        network: nn.Module,
        process: Process,
        *,
        step: int,
        native: int,
        name: str,
        image_size: Count | None,
        device: str,
        dtype: str,
        weights: str = "float32",
        checkpointing: bool = False,
    ) -> None:
        """
        Args:
            vae: see the class.
            network, process: see :class:`~imagic.models.base.DiffusionModel`.
            step: what the side of the latents is a multiple of.
            native: side of the latents that the network was trained on.
            name: the model's name in run folders.
            image_size: side of the pictures in pixels; None for the native one.
            device, dtype, weights: see :class:`~imagic.models.base.DiffusionModel`.
            checkpointing: activations are computed again during backward passes, which takes a third more time and a
                fraction of the memory.

        Raises:
            UserError: the network cannot take pictures of that size.
        """
        super().__init__(network, process, name=name, device=device, dtype=dtype, weights=weights)
        if checkpointing:
            self.network.enable_gradient_checkpointing()
        self.vae = self.part(vae.to(memory_format=torch.channels_last))
        self._factor = factor_of(vae.config)
        self.image_size = image_size or native * self._factor
        if self.image_size % (self._factor * step):
            raise UserError(
                f"{name} cannot take pictures of {self.image_size}². Give model.image_size a multiple of "
                f"{self._factor * step}."
            )

    @classmethod
    def load(cls, path: str, revision: str | None = None, **settings: Any) -> Self:
        """Load a pipeline folder (see :func:`imagic.models.weights.locate`); ``settings`` go to the constructor.

        Raises:
            UserError: no such model, an incomplete folder, a pickle, a pipeline of another kind, or a network that
                takes more than noised latents.
        """
        stored = stored_as(settings.get("weights", "float32"), settings.get("dtype", "float32"))
        folder = locate(path, revision)
        index = cls.index_of(folder)
        encoders = cls._encoders(folder, index, settings)
        require_weights(folder, "vae", cls.NETWORK, *encoders)
        cls._check(folder)
        with reading(folder):
            parts = cls._read(folder, index, encoders, stored)
        return cls(**parts, **settings)

    @classmethod
    def index_of(cls, folder: Path) -> dict[str, Any]:
        """Return a pipeline's model_index.json.

        Raises:
            UserError: it is no pipeline that the class can run.
        """
        index = pipeline_index(folder)
        if not cls._takes(kind := index["_class_name"]):
            raise UserError(f"{folder} holds a {kind}, which {cls.__name__} cannot run. Choose another model=….")
        return index

    @staticmethod
    @abstractmethod
    def _takes(kind: str) -> bool:
        """Return True if the class runs pipelines of a kind, such as "StableDiffusionPipeline"."""

    @classmethod
    @abstractmethod
    def _read(cls, folder: Path, index: dict[str, Any], encoders: Sequence[str], stored: torch.dtype) -> dict[str, Any]:
        """Load the constructor's parts from a pipeline folder.

        Args:
            folder: of the pipeline.
            index: its model_index.json.
            encoders: the parts that encode texts.
            stored: precision of the weights of the large parts.
        """

    @classmethod
    def _check(cls, folder: Path) -> None:
        """Raise UserError if the network of a folder is none that the class can run."""

    @classmethod
    def _encoders(cls, folder: Path, index: dict[str, Any], settings: dict[str, Any]) -> list[str]:
        """Return the parts that encode texts.

        Raises:
            UserError: the folder lacks one.
        """
        encoders = sorted({"text_encoder"}.union(part for part in index if part.startswith("text_encoder")))
        if absent := [part for part in encoders if is_absent(index, part)]:
            raise UserError(
                f"{folder} holds a {index['_class_name']} without a {absent[0]}, as refiners are. Give model.path the base "
                "model's folder."
            )
        return encoders

    def part(self, network: Any) -> Any:
        """Return a network of the pipeline in float32 on the model's device, in evaluation mode, without gradients."""
        return network.float().to(self.device).eval().requires_grad_(False)

    def large_part(self, network: Any) -> Any:
        """Return a network of the pipeline as :meth:`part` does, in the precision of the model's weights."""
        return self._rounded(network).to(self.device).eval().requires_grad_(False)

    def _tokens(self, tokenizer: Any, texts: Sequence[str], length: int | None = None) -> Tensor:
        return tokens(tokenizer, texts, self.name, length).input_ids.to(self.device)

    @torch.no_grad()
    def encode_image(self, image: np.ndarray, rng: torch.Generator | None = None) -> Tensor:
        x = to_model_space(image).to(self.device).contiguous(memory_format=torch.channels_last)
        posterior = self.vae.encode(x).latent_dist
        found = posterior.mean
        if rng is not None:
            found = found + posterior.std * torch.randn(found.shape, generator=rng).to(self.device)
        return (found - self._shift) * self.vae.config.scaling_factor

    @torch.no_grad()
    def decode(self, x0: Tensor, text: Any = None, rngs: Sequence[torch.Generator] = ()) -> np.ndarray:
        """Decode latents; the autoencoder needs neither text nor generators."""
        return to_images(self.vae.decode(x0.to(self.device) / self.vae.config.scaling_factor + self._shift).sample)

    @property
    def _shift(self) -> float:
        return self.vae.config.get("shift_factor") or 0.0

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        side = self.image_size // self._factor
        return self.vae.config.latent_channels, side, side


def factor_of(config: Mapping[str, Any]) -> int:
    """Return how many times larger an image is than its latents, from the autoencoder's configuration."""
    return int(2 ** (len(config["block_out_channels"]) - 1))


def is_absent(index: dict[str, Any], part: str) -> bool:
    """Return True if a pipeline's model_index.json says that it has no such part."""
    return index.get(part) == [None, None]
