"""Commands with Hydra configurations: help from the YAML's own comments, suggestions for typos, errors as one line."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from difflib import get_close_matches
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

from omegaconf import DictConfig, OmegaConf

from cli.help import ROOT, choices, help_text, options
from cli.home import expanded
from cli.quoting import first_of_sweep, quote
from runtime.output import safe_output
from tedbench.errors import UserError

CommandFunction = Callable[[DictConfig], int | None]
INTERRUPTED = 130
"""Exit status after Ctrl-C."""


def command(config_name: str, about: str, examples: str) -> Callable[[CommandFunction], Callable[[], None]]:
    """Return a decorator that turns a function of a configuration into a command.

    The function returns an exit status or None. A :class:`UserError` is printed as one line and ends the command with
    status 2; Ctrl-C ends it with 130.

    Args:
        config_name: of its YAML in ``conf/``.
        about: description, for ``--help``.
        examples: command lines, for ``--help``.
    """

    def wrap(function: CommandFunction) -> Callable[[], None]:
        def main() -> int:
            arguments = sys.argv[1:]
            if {"-h", "--help"} & set(arguments):
                print(help_text(config_name, about, examples))
                return 0
            import hydra

            from cli.removal import is_removal, removals, remove_metrics

            warnings.showwarning = _warn_in_a_line
            several = {"-m", "--multirun"} & set(arguments)
            texts = _texts(config_name)
            arguments = [a if a.startswith("-") else quote(a, bool(several), texts) for a in arguments]
            overrides = [a for a in arguments if not a.startswith("-")]
            elsewhere = _goes_to_slurm(overrides)
            # each value of a sweep is checked when its job starts; the first of each is checked now
            cfg = compose(config_name, [first_of_sweep(o) for o in overrides] if several else overrides)
            if not _needs_hydra(arguments):
                return function(cfg) or 0
            others = [a for a in arguments if a not in several and not is_removal(a)]
            sys.argv[1:] = [*several, *others]  # Hydra wants its flag first
            removed = removals(overrides)
            statuses: list[int] = []
            here = os.getpid()

            def work(cfg: DictConfig) -> int | None:
                remove_metrics(cfg, removed)
                return function(cfg)

            def guarded(cfg: DictConfig) -> None:
                status = _guard(lambda: work(expanded(cfg)))
                statuses.append(status)
                if status == INTERRUPTED:
                    sys.exit(INTERRUPTED)
                if status and os.getpid() != here:  # a launcher's job, which reports here by errors only
                    raise JobError(f"a job ended with exit status {status}; its output says why")

            with TemporaryDirectory() as scratch:
                if not any(o.startswith("hydra.sweep.dir=") for o in overrides):
                    # Hydra writes a sweep's multirun.yaml there, and submitit jobs' output, which all nodes must see
                    sys.argv.append(f"hydra.sweep.dir={'slurm' if elsewhere else scratch}")
                hydra.main(version_base=None, config_path="pkg://conf", config_name=config_name)(guarded)()
            return max(statuses, default=0)

        def guarded_main() -> None:
            with safe_output():
                status = _guard(main)
                if status:
                    sys.exit(status)

        return guarded_main

    return wrap


class JobError(Exception):
    """A job of a sweep on another machine (Slurm) failed."""


def _needs_hydra(arguments: list[str]) -> bool:
    """Return whether a command line is a sweep, or has flags or settings of Hydra's own.

    All others run with the configuration that :func:`compose` has made of them, which Hydra would make twice more.
    """
    return any(argument.startswith(("-", "hydra", "+hydra", "experiment=", "+experiment=")) for argument in arguments)


def _goes_to_slurm(overrides: list[str]) -> bool:
    """True if submitit runs the sweep.

    Raises:
        UserError: submitit is not installed.
    """
    wanted = any(override.startswith(("hydra/launcher=slurm", "hydra/launcher=submitit")) for override in overrides)
    if wanted and find_spec("submitit") is None:
        raise UserError("Sweeps on Slurm need Hydra's submitit launcher: pip install 'imagic-bench[slurm]'.")
    return wanted


def _warn_in_a_line(message: Warning | str, *_: object, **__: object) -> None:
    print(f"warning: {message}", file=sys.stderr)


def _guard(function: Callable[[], int | None]) -> int:
    try:
        return function() or 0
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.filename is None:
            raise
        print(f"error: {str(error.filename)[:200]}: {error.strerror}. Check the path and its rights.", file=sys.stderr)
        return 2
    except UnicodeEncodeError as error:
        if error.encoding != sys.getfilesystemencoding().lower() or error.encoding == "utf-8":
            raise
        print(
            f"error: this locale ({error.encoding}) cannot write the file name {error.object!r}. "
            "Set PYTHONUTF8=1, or LC_ALL=C.UTF-8.",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        print("stopped. What was finished is kept; the same command goes on from there.", file=sys.stderr)
        return INTERRUPTED


def compose(config_name: str, overrides: list[str]) -> DictConfig:
    """Return the configuration of a command line, with ``~`` in its paths expanded.

    Raises:
        UserError: an option or a choice that does not exist, with the nearest existing one.
    """
    from hydra import compose as hydra_compose
    from hydra import initialize_config_module
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from cli.removal import is_removal, removals, remove_metrics

    GlobalHydra.instance().clear()
    overrides = [quote(override, texts=_texts(config_name)) for override in overrides]
    kept = [override for override in overrides if not is_removal(override)]
    for override in overrides:
        key = override.partition("=")[0]
        if key.startswith("+") and not (key.startswith("+hydra.") or (ROOT / key.lstrip("+").split("@")[0]).is_dir()):
            raise UserError(
                f"{override!r} would add an option that nothing reads. Leave out the +; --help lists the options."
            )
    try:
        with initialize_config_module("conf", version_base=None):
            cfg = expanded(hydra_compose(config_name, overrides=kept))
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        explain(config_name, kept, str(error))
    finally:
        GlobalHydra.instance().clear()
    remove_metrics(cfg, removals(overrides))
    return cfg


def _texts(config_name: str) -> set[str]:
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
        if "recipe" not in str(error).splitlines()[0]:
            raise UserError(
                f"{error.full_key} refers to an option that is not there ({str(error).splitlines()[0]}). "
                "Leave that option in, or take both away."
            ) from None
        raise UserError(
            f"model={cfg.model.name} has no recipe for method={cfg.method.name} ({str(error).splitlines()[0]}). "
            "Give another model."
        ) from None
    return {"metrics": None} | plain  # ~metrics removes the whole group


def explain(config_name: str, overrides: list[str], message: str) -> NoReturn:
    """Raise UserError with one line on what is wrong with a command line, and what was probably meant."""
    chosen = []
    for override in overrides:
        key, equals, value = override.lstrip("+~").partition("=")
        group = key.split("@")[0]
        if not key or not (equals or override.startswith("~")):  # ~metrics removes the group
            raise UserError(f"{override!r} is not an option. Options look like key=value; --help lists them.")
        if (ROOT / group).is_dir() and not override.startswith(("~", "hydra/")):  # plugins add choices to those
            if value not in choices(group):
                hint = _nearest(value, choices(group), f" Did you mean {key}={{}}?")
                raise UserError(f"There is no {key} called {value!r}.{hint} There are: {', '.join(choices(group))}.")
            if "defaults list" in message and group in message and not override.startswith("+"):
                raise UserError(f"{override} must be added: write +{override}.")
            if override.startswith("+") and "Multiple values" in message and group in message:
                raise UserError(f"{override} replaces what is there: write {override.lstrip('+')}.")
            chosen.append(override)
    for override in overrides:
        key = override.partition("=")[0]
        if key[0] not in "+~" and not key.startswith("hydra") and key not in (known := _keys(config_name, chosen)):
            hint = _home(key) or _nearest(key, known, " Did you mean {}?")
            raise UserError(f"There is no option called {key!r} here.{hint} --help lists them all.")
    raise UserError(f"{message.strip().splitlines()[0].rstrip('.')}. --help shows how options are written.")


def _nearest(word: str, known: list[str], hint: str) -> str:
    near = get_close_matches(word, known, 1)
    return hint.format(near[0]) if near else ""


def _home(key: str) -> str:
    """Return a hint at the choice of the group that has an option which the chosen one lacks."""
    group = key.partition(".")[0]
    homes = [n for n in choices(group) if key in [k for k, _, _ in options(ROOT / group / f"{n}.yaml", f"{group}.")]]
    return f" It belongs to {group}={homes[0]}." if homes else ""


def _keys(config_name: str, overrides: list[str]) -> list[str]:
    """Return every option of a configuration, dotted, and its groups."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_module
    from hydra.errors import HydraException

    with initialize_config_module("conf", version_base=None):
        try:
            cfg = OmegaConf.to_container(hydra_compose(config_name, overrides=overrides), resolve=False)
        except (HydraException, ValueError):  # the choices themselves are what is wrong
            cfg = OmegaConf.to_container(hydra_compose(config_name), resolve=False)
    found: list[str] = [p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith("_")]

    def walk(node: object, prefix: str) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                found.append(f"{prefix}{key}")
                walk(value, f"{prefix}{key}.")

    walk(cfg, "")
    return found
