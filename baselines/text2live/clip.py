"""The CLIP that the edit is optimised against: any ViT that open_clip loads. Sizes are read from the model."""

from __future__ import annotations

from collections.abc import Sequence

import open_clip
import torch
from torch import Tensor
from torchvision.transforms import functional as F

from imagic.models.clip import clip_folder, load_clip
from imagic.models.weights import digest
from tedbench.errors import UserError


def clip_digest(model: str, pretrained: str | None = None) -> str | None:
    """Return the digest of the files of a CLIP in a folder; None for weights that a tag names."""
    folder = clip_folder(model)
    return digest(folder) if folder else None


class Clip:
    """Embeddings of images and texts, and the tokens that enter the last block; differentiable, frozen.

    Attributes:
        name: of model and weights, for messages.
        side: of its pictures, in pixels.
        grid: (rows, columns) of its patches.
        blocks: of its image transformer.
    """

    def __init__(self, model: str, pretrained: str | None = None, device: str | torch.device = "cpu") -> None:
        """
        Args:
            model: a name that open_clip knows, or a folder in its format, or ``picturebook:clip``.
            pretrained: open_clip's tag of the weights; unused for a folder.
            device: the device on which it computes.

        Raises:
            UserError: an unknown model, weights that are not here, or a model whose image tower is not a ViT.
        """
        self._clip = load_clip(
            model,
            pretrained,
            device,
            option="recipe.text2live.clip",
            instead="give recipe.text2live.clip.model a folder in open_clip's format",
        )
        self.name = f"{model} ({pretrained})" if pretrained else model
        self.device, self.network = torch.device(device), self._clip.network
        visual = self.network.visual
        if not hasattr(getattr(visual, "transformer", None), "resblocks") or not hasattr(visual, "grid_size"):
            raise UserError(
                f"Text2LIVE compares the tokens of a ViT, and {model} has none that open_clip shows. "
                "Give recipe.text2live.clip.model=ViT-B-32-quickgelu."
            )
        self.blocks = visual.transformer.resblocks
        self.grid: tuple[int, int] = tuple(visual.grid_size)
        seen = open_clip.get_model_preprocess_cfg(self.network)
        self.side = int(visual.image_size[0])
        self._mean, self._std = (torch.tensor(seen[key], device=self.device)[:, None, None] for key in ("mean", "std"))

    @torch.no_grad()
    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Embed texts: (T, D). A text that is too long is cut before its end token, and a warning says so."""
        return self.network.encode_text(self._clip.tokens(texts, self.name).to(self.device))

    def encode_images(self, images: Tensor) -> Tensor:
        """Embed images: (V, 3, side, side) in [0, 1] to (V, D)."""
        return self.network.encode_image(self._normalise(images))

    def tokens(self, images: Tensor) -> Tensor:
        """Return the inputs of the last block, class token included: (B, 3, H, W) in [0, 1] to (B, L, D)."""
        caught: list[Tensor] = []
        hook = self.blocks[-1].register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0]))
        try:
            self.network.encode_image(self._normalise(self.resize(images)))
        finally:
            hook.remove()
        batch_first = getattr(self.network.visual.transformer, "batch_first", True)
        return caught[0] if batch_first else caught[0].transpose(0, 1)

    def resize(self, images: Tensor) -> Tensor:
        """Resize to the model's size."""
        return F.resize(images, [self.side, self.side], antialias=True)

    def _normalise(self, images: Tensor) -> Tensor:
        return (images - self._mean) / self._std
