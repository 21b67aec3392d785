"""Recipes by family: a model's ``family`` chooses, of every method, the recipe of that name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cli.places import ROOT, choices, content_of, defaults_of, is_group, places, read_yaml, with_parents

GROUP = "recipe"
"""Group with a folder for each method and in it a file for each family."""
_OWN = re.compile(rf"\+?{GROUP}/(\w+)=")


def takes_recipes(config_name: str) -> bool:
    """Return True if a command's configuration has a model, whose family chooses recipes."""
    return "model" in dict(defaults_of(read_yaml(ROOT / f"{config_name}.yaml")))


def _methods(within: Sequence[Path]) -> list[str]:
    """Return the names of the folders of recipes: one for each method that has any."""
    found = {path.name for folder in within for path in (folder / GROUP).glob("*") if path.is_dir()}
    return sorted(found)


def families_of(method: str, within: Sequence[Path] = (ROOT,)) -> list[str]:
    """Return the families that a method has a recipe for."""
    return choices(f"{GROUP}/{method}", within)


class Recipes(NamedTuple):
    """A choice of recipes.

    Attributes:
        family: of the model; None if it has none.
        given: methods whose recipes the model's own YAML chooses, in its defaults.
    """

    family: str | None
    given: tuple[str, ...] = ()


def likely_recipes(config_name: str, overrides: Sequence[str]) -> Recipes:
    """Return the recipes of the model that a command line names, without composing its configuration.

    This is a guess, which :func:`cli.compose.compose` verifies.
    """
    within = places(overrides)
    model = chosen(config_name, overrides).get("model", "")
    content = content_of("model", model, within)
    family = dict(each.partition("=")[::2] for each in overrides).get("model.family") or content.get("family")
    files = with_parents("model", model, within)
    given = [group.removeprefix("recipe/") for path in files for group, _ in defaults_of(read_yaml(path))]
    return Recipes(None if family in (None, "null") else str(family), tuple(sorted({*given} & {*_methods(within)})))


def chosen(config_name: str, overrides: Sequence[str]) -> dict[str, str]:
    """Return the choice in each group of a command line, read from its YAML files without composing them."""
    within = places(overrides)
    found = dict(defaults_of(read_yaml(ROOT / f"{config_name}.yaml")))
    told = dict(override.lstrip("+").partition("=")[::2] for override in overrides)
    found |= {group: name for group, name in told.items() if is_group(group, within)}
    decided = set(told)
    for group in ("experiment", "method", "model"):  # each may choose what those before have not
        for path in with_parents(group, found.get(group, ""), within):
            others = {key: name for key, name in defaults_of(read_yaml(path)) if key and "/" not in key}
            found |= {key: name for key, name in others.items() if key not in decided}
            decided |= others.keys()
    return found


def add_recipes(overrides: Sequence[str], recipes: Recipes) -> list[str]:
    """Return overrides that choose every method's recipe for a family, followed by a command line's own.

    A recipe that the command line chooses itself (``recipe/imagic=picturebook_photo``) stays chosen. Recipes come before
    all else, so that an experiment can change them.
    """
    within = places(overrides)
    own = {match[1]: override for override in overrides if (match := _OWN.match(override))}
    family = recipes.family
    added = [
        f"+{GROUP}/{method}={family}"
        for method in _methods(within)
        if family and method not in own and method not in recipes.given and family in families_of(method, within)
    ]
    own = {method: override for method, override in own.items() if method not in recipes.given}
    return [
        *added,
        *(f"+{each.lstrip('+')}" for each in own.values()),
        *(o for o in overrides if o not in own.values()),
    ]


def without_recipes(overrides: Sequence[str]) -> list[str]:
    """Return the overrides that neither choose nor change a recipe."""
    return [override for override in overrides if not override.lstrip("+~").startswith((f"{GROUP}.", f"{GROUP}/"))]


def missing_recipe(model: str, method: str, family: str | None, needed: str) -> str:
    """Return a sentence on a method that has no recipe for a model, and on the file to write.

    Args:
        model: name of the model.
        method: name of the method.
        family: of the model; None if it has none.
        needed: name of the recipes that the method refers to.
    """
    there = families_of(needed)
    known = f" There are recipes for: {', '.join(there)}." if there else ""
    start = f"model={model} has no recipe for method={method}"
    if family is None:
        return f"{start}: its YAML names no family. Give another model, or write `family: NAME` there.{known}"
    return (
        f"{start}: its family is {family}. Write conf/recipe/{needed}/{family}.yaml (or the same below your own "
        f"hydra.searchpath), or give another model.{known}"
    )
