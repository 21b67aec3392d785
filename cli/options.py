"""A command's own options as plain values, each of its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from tedbench.errors import UserError


def plain_options(cfg: DictConfig, needed: Mapping[str, str], **kinds: Any) -> dict[str, Any]:
    """Return a command's options as plain values.

    Args:
        cfg: see ``conf/``.
        needed: required options, each with advice on its value.
        kinds: of options, as for :func:`tedbench.settings.checked`; what has none is the command's own to check.

    Raises:
        UserError: a required option is missing, or one is of another kind.
    """
    for name, hint in needed.items():
        if OmegaConf.is_missing(cfg, name) or cfg[name] is None or not str(cfg[name]).strip():
            raise UserError(f"{name} is empty. Give {hint}.")
    options: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    if kinds:
        from tedbench.settings import checked

        options |= {name: checked(name, options[name], kind) for name, kind in kinds.items()}
    return options
