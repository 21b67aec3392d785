"""Settings of one choice, read from its YAML and its parents' without composing a command's whole configuration."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from cli.places import ROOT, choices, content_of, with_parents
from cli.recipes import families_of

IMAGE_SIZE = 64
"""Size of the model that stands for any, where a dataset's size follows the model's."""


def recipes_of(method: str, within: Sequence[Path] = (ROOT,)) -> list[str]:
    """Return the names of the recipes that a method's YAML refers to: usually its own, or none."""
    text = "".join(path.read_text(encoding="utf-8") for path in with_parents("method", method, within))
    return list(dict.fromkeys(re.findall(r"\$\{recipe\.(\w+)", text)))


def families_with(method: str, within: Sequence[Path] = (ROOT,)) -> list[str] | None:
    """Return the families of models that a method has recipes for; None if it needs none.

    A recipe that is no model's family (``picturebook_photo``) is left out.
    """
    needed = recipes_of(method, within)
    if not needed:
        return None
    known = {content_of("model", name, within).get("family") for name in choices("model", within)}
    return [
        f for f in families_of(needed[0], within) if f in known and all(f in families_of(n, within) for n in needed)
    ]


def method_settings(method: str, family: str | None, within: Sequence[Path] = (ROOT,)) -> dict[str, Any]:
    """Return a method's settings with the recipes of a family.

    Raises:
        omegaconf.errors.OmegaConfBaseException: they refer to something that is not there.
    """
    recipes = {each: content_of(f"recipe/{each}", family or "", within) for each in recipes_of(method, within)}
    return _resolved({"method": content_of("method", method, within), "recipe": recipes})["method"]


def settings_of(group: str, name: str, within: Sequence[Path] = (ROOT,)) -> dict[str, Any]:
    """Return the settings of a choice of any other group; see :func:`method_settings` for what it raises."""
    tree = {"model": {"image_size": IMAGE_SIZE}, group: content_of(group, name, within)}
    return _resolved(tree)[group]


def _resolved(tree: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = OmegaConf.to_container(OmegaConf.create(tree), resolve=True)  # type: ignore[assignment]
    return found
