"""The console script ``imagic-bench``: every command under one name."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from cli.called import MODULE, PROGRAM
from cli.guard import guard
from runtime.output import safe_output


def main() -> None:
    """Run the command that the command line names; without one, list them all."""
    arguments = sys.argv[1:]
    if arguments and arguments[0] not in ("-h", "--help", "help", "--version"):
        _run(arguments)
        return
    with safe_output():
        print(version() if arguments == ["--version"] else _overview())


def _run(arguments: list[str]) -> None:
    from cli.verbs import Verb, split

    found: list[tuple[Verb, list[str]]] = []
    with safe_output():
        if status := guard(lambda: found.append(split(arguments))):
            sys.exit(status)
    verb, rest = found[0]
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)  # as `python -m` does, for classes of one's own; behind the project's
    sys.argv = [f"{_program()} {verb.name}", *rest]
    import_module(verb.module).main()


def _overview() -> str:
    from cli.verbs import overview

    return overview(_program())


def _program() -> str:
    """Return the name that the console script was called by."""
    return MODULE if Path(sys.argv[0]).name == "__main__.py" else PROGRAM


def version() -> str:
    """Return the program's name and version."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as version_of

    try:
        return f"{PROGRAM} {version_of(PROGRAM)}"
    except PackageNotFoundError:
        return f"{PROGRAM} (not installed: run from its folder)"
