"""LPIPS: distance between deep features of the input and the edited image (Zhang et al., arXiv 1801.03924)."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Annotated, Any, ClassVar, Literal, get_args
from urllib.error import URLError

import lpips
import numpy as np
import torch
from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torchvision import models as backbones

from eval.metrics.base import Kind, Metric, Reference, check_images
from eval.metrics.recent import Recent, content
from eval.runs.files import file_digest
from imagic.models.weights import EMBEDDED, locate
from tedbench.errors import PairError, UserError
from tedbench.image import square

EPSILON = 1e-10
"""Constant of the package's ``normalize_tensor``."""

WEIGHTS_ONLY = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
"""Environment variable of torch that forbids pickled code in ``torch.load``."""

Net = Literal["alex", "vgg", "squeeze"]

SMALLEST_SIDE = 32
"""Minimum side in pixels; the nets' pooling reduces smaller images to nothing."""

Side = Annotated[int, Field(ge=SMALLEST_SIDE)]


class LpipsDistance(Metric):
    """Distance of the lpips package, with the input's features computed once for all its edited images."""

    kind: ClassVar[Kind] = "fidelity"
    pixelwise = True
    heading = "LPIPS"
    higher_is_better = False
    bounds = (0.0, None)
    rank = 0
    reads = ()

    def __init__(
        self,
        net: Net = "alex",
        size: Side | None = 512,
        backbone: str | None = None,
        device: str = "cpu",
        batch: int = 8,
    ) -> None:
        """
        Args:
            net: ``alex``, ``vgg`` or ``squeeze``.
            size: side of the square to which both images are resized (bicubic, antialiased); None keeps their size. It
                is part of the name: distances of the same images differ by about .07 between sizes.
            backbone: a safetensors file with the features' weights; None for the package's ImageNet backbone. The
                package's linear layers are trained for its own backbones, so with another one all channels have equal
                weight; each layer's distance is divided by its maximum and the number of layers, so that the sum is in
                [0, 1]. Distances of different backbones are not comparable.
            device: device of the computation.
            batch: number of images at a time, 40 MB each (alex, 512²); affects only speed and the last bits.

        Raises:
            UserError: the net is unknown, the size too small for it, or weights are missing and cannot be downloaded.
        """
        if net not in get_args(Net):
            raise UserError(f"LPIPS has no net {net!r}. Give metrics.lpips.net=alex, vgg or squeeze.")
        if size is not None and size < SMALLEST_SIDE:
            raise UserError(
                f"LPIPS cannot see images of {size} pixels. Give metrics.lpips.size={SMALLEST_SIDE} or more."
            )
        name: str = net
        if backbone is None:
            self._lpips = _pretrained(net)
        else:
            path = (
                locate(EMBEDDED) / backbone.removeprefix(EMBEDDED) if backbone.startswith(EMBEDDED) else Path(backbone)
            )
            self._lpips = _own(net, path)
            self.synthetic = backbone.startswith(EMBEDDED)
            origin = "picturebook" if self.synthetic else path.stem
            name = f"{net}-{origin}-{file_digest(path)[:8]}"
        self.name = f"lpips/{name}/{size or 'native'}"
        self._lpips.eval().requires_grad_(False).to(device)
        self.size, self.device, self.batch = size, device, batch
        self._inputs: Recent[list[Tensor]] = Recent(
            1
        )  # pairs on one image follow each other; 10 MB (alex, 512²) and more

    @torch.inference_mode()
    def score(self, reference: Reference, images: np.ndarray) -> np.ndarray:
        """Return distances, (N,) float64.

        Raises:
            PairError: images are too small, or to be resized and not square.
        """
        check_images(reference, images)
        self._check_shape(*images.shape[1:3])
        source = self._inputs.get(content(reference.image), lambda: self._features(reference.image[None]))
        found = []
        for start in range(0, len(images), self.batch):
            edited = self._features(images[start : start + self.batch])
            layers = [self._layer(k, b.sub_(a).square_()) for k, (a, b) in enumerate(zip(source, edited, strict=True))]
            found.append(torch.stack(layers).sum(0).double().cpu())
        return torch.cat(found).numpy()

    def _check_shape(self, height: int, width: int) -> None:
        if self.size is None and min(height, width) < SMALLEST_SIDE:
            raise PairError(
                f"LPIPS cannot see images of {width}×{height} pixels. Give metrics.lpips.size, such as 512."
            )
        if self.size is not None and height != width:
            raise PairError(f"LPIPS would squash images of {width}×{height} to a square. Crop them with square().")

    def _layer(self, k: int, difference: Tensor) -> Tensor:
        """Return one layer's part of the distance, (N,)."""
        if self._lpips.lpips:
            weighted = self._lpips.lins[k](difference)
        else:  # unit vectors differ by at most 2, squared and summed over channels
            weighted = difference.sum(1, keepdim=True) / (2 * self._lpips.L)
        return weighted.mean(dim=(1, 2, 3))

    def _features(self, images: np.ndarray) -> list[Tensor]:
        """Return unit-normalised features of every layer, of uint8 images scaled to [-1, 1] as the package expects."""
        if self.size is not None and images.shape[1:3] != (self.size, self.size):
            images = np.stack([square(image, self.size) for image in images])
        pixels = torch.from_numpy(images).to(self.device).permute(0, 3, 1, 2)
        scaling = self._lpips.scaling_layer
        x = pixels.float().div_(127.5).sub_(1).sub_(scaling.shift).div_(scaling.scale)
        layers = self._lpips.net(x)
        return [layer.div_(torch.linalg.vector_norm(layer, dim=1, keepdim=True).add_(EPSILON)) for layer in layers]


class _Uninitialised(TorchFunctionMode):
    """Leave new weights without values, for modules all of whose weights are loaded.

    The package builds torchvision's classifier whole, and random values for its 58 million weights take half a second.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


def _module(net: str, **settings: bool) -> lpips.LPIPS:
    """Return the package's module, without torchvision's warnings about the package's calls.

    The weights of a backbone that is not pretrained have no values yet.
    """
    with warnings.catch_warnings(), _Uninitialised():
        warnings.simplefilter("ignore", UserWarning)
        return lpips.LPIPS(net=net, verbose=False, **settings)


@contextmanager
def _weights_only() -> Iterator[None]:
    """Restrict all calls of ``torch.load`` in the context to tensors, also those of other packages."""
    before = os.environ.get(WEIGHTS_ONLY)
    os.environ[WEIGHTS_ONLY] = "1"
    try:
        yield
    finally:
        del os.environ[WEIGHTS_ONLY]
        if before is not None:
            os.environ[WEIGHTS_ONLY] = before


def _pretrained(net: str) -> lpips.LPIPS:
    """Return the module with ImageNet features. (They are pickles, which may contain code.)"""
    try:
        with _weights_only():
            return _module(net)
    except UnpicklingError:
        raise UserError(
            f"The LPIPS backbone {net} in {Path(torch.hub.get_dir()) / 'checkpoints'} holds more than weights. "
            "Delete it, to download it again."
        ) from None
    except (URLError, OSError) as error:
        known = {
            "alex": backbones.AlexNet_Weights,
            "vgg": backbones.VGG16_Weights,
            "squeeze": backbones.SqueezeNet1_1_Weights,
        }
        url = known[net].IMAGENET1K_V1.url
        raise UserError(
            f"The LPIPS backbone {net} is not on this machine and cannot be downloaded ({error}). "
            f"Where there is a network run `curl -O {url}` and copy the file to "
            f"{Path(torch.hub.get_dir()) / 'checkpoints'} here, or measure with metrics=picturebook."
        ) from None


def _own(net: str, path: Path) -> lpips.LPIPS:
    """Return the module with the features of a safetensors file, sliced as the package slices torchvision's."""
    if not path.is_file():
        raise UserError(
            f"{path} does not exist. Give metrics.lpips.backbone a safetensors file, or null for ImageNet's."
        )
    module = _module(net, lpips=False, pnet_rand=True)
    slices = [getattr(module.net, f"slice{k + 1}") for k in range(module.net.N_slices)]
    state = {f"{k}.{n}": v for s in slices for k, layer in s.named_children() for n, v in layer.state_dict().items()}
    try:
        weights = load_file(path)
    except SafetensorError as error:
        raise UserError(
            f"{path} is no safetensors file ({error}). Give metrics.lpips.backbone one; pickles are not read."
        ) from None
    if state.keys() != weights.keys():
        raise UserError(
            f"{path} does not hold the features of {net}. Give metrics.lpips.net the backbone's architecture."
        )
    with torch.no_grad():
        for name, value in state.items():
            value.copy_(weights[name])
    return module
