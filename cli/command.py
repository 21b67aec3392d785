"""Commands with Hydra configurations: help from the YAML's own comments, suggestions for typos, errors as one line."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from tempfile import TemporaryDirectory

from omegaconf import DictConfig

from cli.called import as_called
from cli.compose import compose, compose_job, hydra_overrides, required_texts, resolved
from cli.guard import INTERRUPTED, guard
from cli.help import help_text
from cli.quoting import first_of_sweep, quote
from runtime.output import safe_output
from tedbench.errors import UserError

__all__ = ["JobError", "command", "compose", "resolved"]

CommandFunction = Callable[[DictConfig], int | None]


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
                text = help_text(config_name, about, examples, [a for a in arguments if not a.startswith("-")])
                print(as_called(text, sys.argv[0]))
                return 0
            import hydra

            from cli.removal import is_removal, removals, remove_metrics

            warnings.showwarning = _warn_in_a_line
            several = {"-m", "--multirun"} & set(arguments)
            texts = required_texts(config_name)
            arguments = [a if a.startswith("-") else quote(a, bool(several), texts) for a in arguments]
            overrides = [a for a in arguments if not a.startswith("-")]
            elsewhere = _goes_to_slurm(overrides)
            # each value of a sweep is checked when its job starts; the first of each is checked now
            cfg = compose(config_name, [first_of_sweep(o) for o in overrides] if several else overrides)
            if not _needs_hydra(arguments):
                return function(cfg) or 0
            flags = [a for a in arguments if a.startswith("-") and a not in several]
            told, added = hydra_overrides(config_name, [o for o in overrides if not is_removal(o)], cfg)
            sys.argv[1:] = [*several, *flags, *told]  # Hydra wants its flag first
            removed = removals(overrides)
            statuses: list[int] = []
            here = os.getpid()

            def work(cfg: DictConfig) -> int | None:
                remove_metrics(cfg, removed)
                return function(cfg)

            def guarded(cfg: DictConfig) -> None:
                status = guard(lambda: work(compose_job(config_name, cfg, added)))
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
                status = guard(main)
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
