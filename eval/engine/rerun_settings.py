"""Settings to make a saved run again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from cli.home import expanded
from eval.runs.folder import Run
from tedbench.errors import UserError


def settings_of(run: Run, out: Path, fits: Path) -> DictConfig:
    """Return a configuration of ``eval.run`` that repeats a run's last command with ``executor=inline``.

    Args:
        run: the run to make again.
        out: folder of the new run.
        fits: an empty folder for kept fits, used if the run's images were sampled from rounded weights.

    Raises:
        UserError: the run's configuration is incomplete.
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
    """Escape interpolations in all texts, so that a run from elsewhere cannot read this machine's variables."""
    if isinstance(value, dict):
        return {key: _literal(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_literal(each) for each in value]
    return value.replace("${", r"\${") if isinstance(value, str) else value


def changed(settings: DictConfig, changes: list[str]) -> DictConfig:
    """Return settings with some of them replaced by ``key=value`` texts.

    Raises:
        UserError: a key does not exist, or a text is not key=value.
    """
    for change in changes:
        key, equals, _ = str(change).partition("=")
        block, _, name = key.rpartition(".")
        node = OmegaConf.select(settings, block) if block else settings
        if not equals or not isinstance(node, DictConfig) or name not in node:
            raise UserError(f"change={change!r} replaces nothing. Write key=value with an option of eval.run.")
        settings = OmegaConf.merge(settings, OmegaConf.from_dotlist([change]))  # type: ignore[assignment]
    return expanded(settings)
