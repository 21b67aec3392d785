"""One line on what is wrong with a command line, and what was probably meant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from omegaconf import OmegaConf

from cli.help import choice_options, options
from cli.places import SEARCHPATH, choices, file_of, groups, is_group, places
from cli.recipes import add_recipes, chosen, likely_recipes, takes_recipes
from tedbench.errors import UserError
from tedbench.near import nearest


def explain(config_name: str, overrides: list[str], message: str) -> NoReturn:
    """Raise UserError with one line on what is wrong with a command line, and what was probably meant.

    Args:
        config_name: of the command.
        overrides: of the command line.
        message: Hydra's own.
    """
    made = []
    within = places(overrides)
    for override in overrides:
        key, equals, value = override.lstrip("+~").partition("=")
        group = key.split("@")[0]
        if not key or not (equals or override.startswith("~")):  # ~metrics removes the group
            raise UserError(f"{override!r} is not an option. Options look like key=value; --help lists them.")
        if is_group(group, within) and not override.startswith(("~", "hydra/")):  # plugins add choices to those
            known = choices(group, within)
            if value not in known:
                hint = _folder(key, value) or nearest(value, known, f" Did you mean {key}={{}}?")
                raise UserError(f"There is no choice {value!r} of {key}.{hint} There are: {', '.join(known)}.")
            if "defaults list" in message and group in message and not override.startswith("+"):
                if not _is_added(config_name, group):
                    raise UserError(f"There is no option called {key!r} here. --help lists them all.")
                raise UserError(f"{override} must be added: write +{override}.")
            if override.startswith("+") and "Multiple values" in message and group in message:
                raise UserError(f"{override} replaces what is there: write {override.lstrip('+')}.")
            made.append(override)
        elif key == SEARCHPATH:
            made.append(override)
    for override in overrides:
        key = override.partition("=")[0]
        if key[0] not in "+~" and not key.startswith("hydra") and key not in (known := _keys(config_name, made)):
            hint = _home(key, within) or _recipe(key, config_name, overrides, known) or nearest(key, known)
            raise UserError(f"There is no option called {key!r} here.{hint} --help lists them all.")
    raise UserError(f"{message.strip().splitlines()[0].rstrip('.')}. --help shows how options are written.")


def _is_added(config_name: str, group: str) -> bool:
    """Return True if a command that has no such group takes one after +: an experiment, or a group of one's own."""
    return takes_recipes(config_name) if group == "experiment" else group not in groups()


def _folder(group: str, name: str) -> str:
    """Return a hint at a folder within the current one that has a choice."""
    found = [folder for folder in sorted(Path().glob("*/")) if name in choices(group, (folder,))]
    return f" {found[0]}/{group}/{name}.yaml is found with '{SEARCHPATH}=[file://{found[0]}]'." if found else ""


def _home(key: str, within: Sequence[Path]) -> str:
    """Return a hint at the choice of the group that has an option which the chosen one lacks."""
    group = key.partition(".")[0]
    homes = [n for n in choices(group, within) if key in _options(group, file_of(group, n, within))]
    return f" It belongs to {group}={homes[0]}." if homes else ""


def _recipe(key: str, config_name: str, overrides: Sequence[str], known: list[str]) -> str:
    """Return a hint at a recipe's option: what method.sampling.steps is taken from, or those that end as method.steps."""
    method = chosen(config_name, overrides).get("method", "")
    last, alike = f".{key.rpartition('.')[2]}", list[str]()
    for option, value, _ in choice_options("method", method, places(overrides)):
        block = value.removeprefix("${").removesuffix("}")
        if key.startswith(f"{option}.") and (found := f"{block}{key.removeprefix(option)}") in known:
            return f" It is set by {found}."
        if key.startswith("method.") and block.startswith("recipe."):
            alike += [each for each in known if each.startswith(f"{block}.") and each.endswith(last)]
    return f" Did you mean {' or '.join(alike)}?" if alike else ""


def _options(group: str, path: Path | None) -> list[str]:
    return [key for key, _, _ in options(path, f"{group}.")] if path else []


def _keys(config_name: str, overrides: list[str]) -> list[str]:
    """Return every option of a configuration, dotted, and its groups."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_module
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException

    def composed(overrides: list[str]) -> object:
        if takes_recipes(config_name):
            overrides = add_recipes(overrides, likely_recipes(config_name, overrides))
        return OmegaConf.to_container(hydra_compose(config_name, overrides=overrides), resolve=False)

    GlobalHydra.instance().clear()
    with initialize_config_module("conf", version_base=None):
        try:
            cfg = composed(overrides)
        except (HydraException, ValueError):  # the choices themselves are what is wrong
            cfg = composed([])
    found: list[str] = groups(places(overrides))

    def walk(node: object, prefix: str) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                found.append(f"{prefix}{key}")
                walk(value, f"{prefix}{key}.")

    walk(cfg, "")
    return found
