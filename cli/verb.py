"""The frame of commands that take words in place of a configuration."""

from __future__ import annotations

import sys
from collections.abc import Callable

from cli.called import as_called
from cli.guard import guard
from runtime.output import safe_output

WordsFunction = Callable[[list[str]], int | None]


def verb(about: str, examples: str) -> Callable[[WordsFunction], Callable[[], None]]:
    """Return a decorator that turns a function of a command line's words into a command.

    The function returns an exit status or None; errors end it as :func:`cli.guard.guard` says.

    Args:
        about: description, for ``--help``.
        examples: command lines, for ``--help``.
    """

    def wrap(function: WordsFunction) -> Callable[[], None]:
        def main() -> None:
            words = sys.argv[1:]
            with safe_output():
                if {"-h", "--help"} & set(words):
                    text = "\n".join([about, "", "Examples:", *(f"  {line}" for line in examples.strip().splitlines())])
                    print(as_called(text, sys.argv[0]))
                    return
                status = guard(lambda: function(words))
                if status:
                    sys.exit(status)

        return main

    return wrap
