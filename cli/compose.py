"""Configurations from command lines: composed by Hydra, with the recipes of the model's family."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from cli.explain import explain
from cli.help import options
from cli.home import expanded
from cli.places import ROOT, is_group, places
from cli.quoting import quote
from cli.recipes import add_recipes, likely_recipes, missing_recipe, takes_recipes, without_recipes
from tedbench.errors import UserError

OPEN = (
    "+hydra.",
    *(
        f"{plus}{block}."
        for plus in ("+", "++")
        for block in ("recipe.pipeline.call", "recipe.pipeline.invert", "method.fields")
    ),
)
"""Beginnings of options that may be added: Hydra's own, arguments of a pipeline, which it checks, and fields of a service's form."""


def compose(config_name: str, overrides: list[str]) -> DictConfig:
    """Return the configuration of a command line, with ``~`` in its paths expanded.

    A model's ``family`` chooses the recipes (:mod:`cli.recipes`), and stands beside the model, not in its settings.

    Raises:
        UserError: an option or a choice that does not exist, with the nearest existing one.
    """
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from cli.removal import is_removal, removals, remove_metrics

    overrides = [quote(override, texts=required_texts(config_name)) for override in overrides]
    kept = [override for override in overrides if not is_removal(override)]
    within = places(kept)
    for override in overrides:
        key = override.partition("=")[0]
        if not key.startswith("+") or key.startswith(OPEN):
            continue
        if not is_group(key.lstrip("+").split("@")[0], within):
            raise UserError(
                f"{override!r} would add an option that nothing reads. Leave out the +; --help lists the options."
            )
    try:
        cfg = expanded(_with_recipes(config_name, kept) if takes_recipes(config_name) else _plain(config_name, kept))
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        explain(config_name, kept, str(error))
    remove_metrics(cfg, removals(overrides))
    return cfg


def _with_recipes(config_name: str, overrides: list[str]) -> DictConfig:
    """Compose a configuration with the recipes of its model's family.

    The family is guessed from the command line. If an experiment chose another model, the configuration is composed
    again.
    """
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    guess = likely_recipes(config_name, overrides)
    cfg, failure = None, None
    try:
        cfg = _plain(config_name, add_recipes(overrides, guess))
    except (HydraException, OmegaConfBaseException) as error:
        failure = error
    if cfg is None or _family(cfg) != guess.family:
        bare = _plain(config_name, without_recipes(overrides))
        found = guess._replace(family=_family(bare), given=tuple(map(str, bare.get("recipe") or ())))
        if failure is not None and found == guess:
            raise failure
        cfg = _plain(config_name, add_recipes(overrides, found))
    with open_dict(cfg):
        cfg.family = _family(cfg)
        if cfg.get("model"):
            cfg.model.pop("family", None)
    return cfg


def _family(cfg: DictConfig) -> str | None:
    family = (cfg.get("model") or {}).get("family")
    return None if family is None else str(family)


def _plain(config_name: str, overrides: list[str]) -> DictConfig:
    """Compose a configuration as Hydra does; a job of Hydra's that is running stays as it is."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_module
    from hydra.core.global_hydra import GlobalHydra

    running = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_module("conf", version_base=None):
            return hydra_compose(config_name, overrides=overrides)
    finally:
        GlobalHydra.instance().hydra = running


def hydra_overrides(config_name: str, overrides: list[str], cfg: DictConfig) -> tuple[list[str], list[str]]:
    """Return a command line for Hydra's own composition, and what of it was added here.

    Args:
        config_name: of the command.
        overrides: of the command line, sweeps included.
        cfg: the composed configuration of the first of each sweep.
    """
    if not takes_recipes(config_name):
        return overrides, []
    found = likely_recipes(config_name, overrides)._replace(family=cfg.family)
    changed = add_recipes(overrides, found)
    return changed, changed[: len(changed) - len(overrides)]


def compose_job(config_name: str, cfg: DictConfig, added: list[str]) -> DictConfig:
    """Return the configuration of a job that Hydra runs, whose model may be of another family than the first one's.

    Args:
        config_name: of the command.
        cfg: as Hydra composed it.
        added: see :func:`hydra_overrides`.
    """
    if not takes_recipes(config_name):
        return expanded(cfg)
    from hydra.core.hydra_config import HydraConfig

    from cli.places import SEARCHPATH

    told = HydraConfig.get().overrides
    own = [override for override in told.task if override not in added]
    return compose(config_name, [*(o for o in told.hydra if o.lstrip("+").startswith(SEARCHPATH)), *own])


def required_texts(config_name: str) -> set[str]:
    """Return the options that are required and are not lists."""
    return {key for key, value, text in options(ROOT / f"{config_name}.yaml") if value == "???" and "[" not in text}


def resolved(cfg: DictConfig) -> dict[str, Any]:
    """Return a run's configuration as plain values.

    Raises:
        UserError: the model has no recipe for the method, or an option that others refer to was removed.
    """
    from omegaconf.errors import InterpolationKeyError

    try:
        plain: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    except InterpolationKeyError as error:
        _, _, missing = str(error).splitlines()[0].partition("'recipe.")
        if missing:
            needed = missing.split("'")[0].split(".")[0]
            raise UserError(missing_recipe(cfg.model.name, cfg.method.name, cfg.get("family"), needed)) from None
        raise UserError(
            f"{error.full_key} refers to an option that is not there ({str(error).splitlines()[0]}). "
            "Leave that option in, or take both away."
        ) from None
    return {"metrics": None} | plain  # ~metrics removes the whole group
