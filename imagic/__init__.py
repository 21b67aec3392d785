"""Imagic: text-based real image editing with diffusion models (Kawar et al., arXiv 2210.09276).

Read :mod:`imagic.embedding` (stage A), :mod:`imagic.finetune` (stage B) and :mod:`imagic.editor` (stage C) beside the
paper's section 3.2. Torch is imported when a name is first used, not with the package.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from runtime.threads import wait_passively

if TYPE_CHECKING:
    from imagic.api import load as load
    from imagic.api import open_pair as open_pair
    from imagic.editor import Imagic as Imagic
    from imagic.models.latent import LatentDiffusion as LatentDiffusion

    __version__: str

wait_passively()  # before torch is loaded

__all__ = ["Imagic", "LatentDiffusion", "load", "open_pair"]

_HOMES = {
    "Imagic": "imagic.editor",
    "LatentDiffusion": "imagic.models.latent",
    "load": "imagic.api",
    "open_pair": "imagic.api",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name not in _HOMES:
        raise AttributeError(f"module 'imagic' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def _version() -> str:
    """Return the installed version, which is pyproject.toml's; "0+unknown" where the project is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("imagic-bench")
    except PackageNotFoundError:
        return "0+unknown"
