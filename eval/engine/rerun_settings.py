"""The settings that make a saved run again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from cli.home import expanded
from eval.runs.folder import Run
from tedbench.errors import UserError


def settings_of(run: Run, out: Path, fits: Path) -> DictConfig:
    """A configuration for ``eval.run`` that makes a saved run again: its last command, one pair after another.

    Args:
        run: to be made again.
        out: where to.
        fits: an empty folder, for a run that sampled from kept fits, whose weights are rounded.

    Raises:
        UserError: the run's configuration lacks what is needed.
    """
    config = run.config()
    try:
        fit, how, numerics = config["fit"], config["how"], dict(config["numerics"])
        method = {key: value for key, value in fit["method"].items() if key != "digest"}
        rounded = numerics.pop("kept_fits", None)
        return OmegaConf.create(
            _literal(
                {
                    "seed": fit["seed"],
                    "model": how["model"],
                    "method": method
                    | {k.removeprefix("method_"): v for k, v in how.items() if k.startswith("method_")},
                    "dataset": how["dataset"],
                    "metrics": config["measure"],
                    "executor": {"_target_": "eval.engine.inline.Inline"},
                    "sweep": config["sweep"],
                    "numerics": numerics,
                    "fits": {"keep": "weights" if rounded else "none", "folder": str(fits)},
                    "run_dir": str(out),
                    "run": {"retry_failed": False},
                }
            )
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{run.folder / 'config.yaml'} lacks {error}. It was not written by eval.run; repeat the run by hand."
        ) from None


def _literal(value: Any) -> Any:
    """The same, with every text taken as it is: a folder from elsewhere must not read this machine's variables."""
    if isinstance(value, dict):
        return {key: _literal(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_literal(each) for each in value]
    return value.replace("${", r"\${") if isinstance(value, str) else value


def changed(settings: DictConfig, changes: list[str]) -> DictConfig:
    """The settings with some of them replaced, written as on a command line.

    Raises:
        UserError: one that is not there, or is not written key=value.
    """
    for change in changes:
        key, equals, _ = str(change).partition("=")
        block, _, name = key.rpartition(".")
        node = OmegaConf.select(settings, block) if block else settings
        if not equals or not isinstance(node, DictConfig) or name not in node:
            raise UserError(f"change={change!r} replaces nothing. Write key=value with an option of eval.run.")
        settings = OmegaConf.merge(settings, OmegaConf.from_dotlist([change]))  # type: ignore[assignment]
    return expanded(settings)
