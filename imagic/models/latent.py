"""Stable Diffusion as the methods see it: texts and images in, noise predictions in between, images out."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer
from transformers.utils.logging import disable_progress_bar

from imagic.models.weights import locate, require_safetensors
from tedbench.errors import UserError
from tedbench.pair import EditPair

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}  # float16 loses gradients without loss scaling

WHOLE: dict[str, Any] = {"local_files_only": True, "use_safetensors": True, "torch_dtype": torch.float32}
"""How each part is read: float32, from safetensors on this machine."""


class LatentDiffusion:
    """A diffusers Stable Diffusion folder: CLIP text encoder, autoencoder, UNet on latents.

    Whatever depends on the model (latent scale, prediction type, sizes, noise schedule) is read from its own
    configuration. Weights and latents are float32; ``dtype`` is what the UNet computes in (autocast).

    Attributes:
        name: as it stands in run folders.
        image_size: side of the pictures it takes and makes, in pixels.
        network: the part that Imagic fine-tunes, f_θ.
        alphas_cumprod: ᾱ_t of its training schedule, (T,) float32.
        prediction_type: ``epsilon`` or ``v_prediction``.
    """

    def __init__(
        self,
        text_encoder: CLIPTextModel,
        tokenizer: CLIPTokenizer,
        vae: AutoencoderKL,
        unet: UNet2DConditionModel,
        scheduler: DDIMScheduler,
        *,
        name: str = "custom",
        image_size: int | None = None,
        device: str = "cpu",
        dtype: str = "float32",
    ) -> None:
        self.name, self.device = name, torch.device(device)
        if dtype not in DTYPES:
            raise UserError(f"The network cannot compute in {dtype!r}. numerics.dtype can be {', '.join(DTYPES)}.")
        self._dtype = DTYPES[dtype]
        layout = torch.channels_last
        self.text_encoder = text_encoder.float().to(self.device).eval().requires_grad_(False)
        self.vae = vae.float().to(self.device, memory_format=layout).eval().requires_grad_(False)
        self.network = unet.float().to(self.device, memory_format=layout).eval().requires_grad_(False)
        self.tokenizer, self.scheduler = tokenizer, scheduler
        self.alphas_cumprod = scheduler.alphas_cumprod.to(self.device)
        self.prediction_type: str = scheduler.config.prediction_type
        if self.prediction_type not in ("epsilon", "v_prediction"):
            raise UserError(
                f"{name} predicts {self.prediction_type!r}. Only epsilon and v_prediction models can be used."
            )
        self._factor = 2 ** (len(vae.config.block_out_channels) - 1)
        self.image_size = image_size or unet.config.sample_size * self._factor
        step = self._factor * 2 ** (len(unet.config.block_out_channels) - 1)
        if self.image_size % step:
            raise UserError(
                f"{name} cannot take pictures of {self.image_size}². Give model.image_size a multiple of {step}."
            )

    @classmethod
    def load(cls, path: str, revision: str | None = None, **settings: Any) -> Self:
        """Loads a pipeline folder (see :func:`imagic.models.weights.locate`); ``settings`` go to the constructor.

        Raises:
            UserError: no such model, an incomplete folder, a pickle, or a pipeline of another kind.
        """
        folder = locate(path, revision)
        index = pipeline_index(folder)
        kind = index.get("_class_name", "")
        if not cls._takes(kind):
            raise UserError(f"{folder} holds a {kind}, which {cls.__name__} cannot run. Choose another model=….")
        for part in ("vae", "unet", *(part for part in index if part.startswith("text_encoder"))):
            require_safetensors(folder, part)
        disable_progress_bar()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            try:
                parts = cls._read(folder, index)
            except Exception as error:  # what a damaged file makes the libraries raise has no common base
                reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
                raise UserError(
                    f"{folder} cannot be loaded ({reason}). Download it again, or give another model.path."
                ) from None
        return cls(**parts, **settings)

    @staticmethod
    def _takes(kind: str) -> bool:
        return kind.startswith("StableDiffusion") and "XL" not in kind

    @classmethod
    def _read(cls, folder: Path, index: dict[str, Any]) -> dict[str, Any]:
        """The constructor's parts from a pipeline folder, ``index`` being its model_index.json."""
        return {
            "text_encoder": CLIPTextModel.from_pretrained(folder / "text_encoder", **WHOLE),
            "tokenizer": CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True),
            **read_image_parts(folder),
        }

    # Texts and images

    def require_size(self, pair: EditPair) -> None:
        """Raises UserError unless the pair has the size of the model's pictures."""
        if pair.image.shape[0] != self.image_size:
            raise UserError(
                f"The pair {pair.id} is {pair.image.shape[0]}² and the model {self.name} takes {self.image_size}². "
                f"Give dataset.size={self.image_size}."
            )

    @torch.no_grad()
    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Embeddings of texts: (B, L, D) float32. A text that is too long loses words, not its end token, and a warning says so."""
        return self.text_encoder(self._tokens(self.tokenizer, texts))[0]

    def _tokens(self, tokenizer: CLIPTokenizer, texts: Sequence[str]) -> Tensor:
        length = tokenizer.model_max_length
        tokens = tokenizer(list(texts), padding="max_length", max_length=length, truncation=True, return_tensors="pt")
        for text in texts:
            if len(tokenizer(text).input_ids) > length:
                warnings.warn(
                    f"{self.name} reads {length} tokens; the end of this text is cut off: {text!r}", stacklevel=3
                )
        return tokens.input_ids.to(self.device)

    @torch.no_grad()
    def encode_image(self, image: np.ndarray) -> Tensor:
        """x0, the mean of an image's latents in model space: (H, W, 3) uint8 to (1, C, h, w) float32."""
        pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].to(self.device)
        x = (pixels.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        return (self.vae.encode(x).latent_dist.mean - self._shift) * self.vae.config.scaling_factor

    @torch.no_grad()
    def decode(self, x0: Tensor) -> np.ndarray:
        """Images of latents: (B, C, h, w) float32 to (B, H, W, 3) uint8."""
        x = self.vae.decode(x0.to(self.device) / self.vae.config.scaling_factor + self._shift).sample
        pixels = ((x + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        return pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy()

    @property
    def _shift(self) -> float:
        return self.vae.config.get("shift_factor") or 0.0

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, h, w) of the latents of one image."""
        side = self.image_size // self._factor
        return self.network.config.in_channels, side, side

    # Diffusion

    def add_noise(self, x0: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        """x_t = √ᾱ_t x0 + √(1 − ᾱ_t) ε (paper, equation 1), batched over t: (B,) int64."""
        alpha, sigma = self._alpha_sigma(t)
        return alpha * x0 + sigma * eps

    def target(self, x0: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        """What the network should say of x_t: ε, or v = √ᾱ_t ε − √(1 − ᾱ_t) x0 (Salimans & Ho, arXiv 2202.00512)."""
        if self.prediction_type == "epsilon":
            return eps
        alpha, sigma = self._alpha_sigma(t)
        return alpha * eps - sigma * x0

    def predict(self, x_t: Tensor, t: Tensor, e: Tensor) -> Tensor:
        """f_θ(x_t, t, e): (B, C, h, w), (B,), (B, L, D) to (B, C, h, w) in x_t's dtype; differentiable."""
        with self._compute():
            x_t = x_t.contiguous(memory_format=torch.channels_last)
            return self.network(x_t, t, encoder_hidden_states=e).sample.to(x_t.dtype)

    def _alpha_sigma(self, t: Tensor) -> tuple[Tensor, Tensor]:
        alpha_bar = self.alphas_cumprod[t].reshape(-1, 1, 1, 1)
        return alpha_bar.sqrt(), (1 - alpha_bar).sqrt()

    def _compute(self) -> AbstractContextManager[object]:
        if self._dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self._dtype)


def read_image_parts(folder: Path) -> dict[str, Any]:
    """Autoencoder, UNet and noise schedule of a pipeline folder."""
    return {
        "vae": AutoencoderKL.from_pretrained(folder / "vae", **WHOLE, low_cpu_mem_usage=False),
        "unet": UNet2DConditionModel.from_pretrained(folder / "unet", **WHOLE, low_cpu_mem_usage=False),
        "scheduler": ddim_scheduler(folder / "scheduler"),
    }


def ddim_scheduler(folder: Path) -> DDIMScheduler:
    """DDIM on the model's own noise schedule, whatever scheduler its folder names. Latents are never clipped."""
    config = DDIMScheduler.load_config(folder, local_files_only=True)
    return DDIMScheduler.from_config(config, clip_sample=False)


def pipeline_index(folder: Path) -> dict[str, Any]:
    """What a diffusers pipeline folder says it holds.

    Raises:
        UserError: it is no such folder.
    """
    try:
        index = json.loads((folder / "model_index.json").read_text())
    except (OSError, ValueError):
        index = None
    if not isinstance(index, dict):
        raise UserError(
            f"{folder} is not a diffusers pipeline: it has no readable model_index.json. Give model.path such a folder."
        )
    return index
