"""Names of commands in texts for users: as the command was called, by the console script or by ``python -m``."""

from __future__ import annotations

import re

PROGRAM = "imagic-bench"
"""Name of the console script."""
MODULE = "python -m cli"
"""The console script where it is not installed."""


def as_called(text: str, called: str) -> str:
    """Return a text whose commands are named as this one was called.

    Args:
        text: with commands such as ``python -m eval.run`` or ``imagic-bench run``.
        called: ``sys.argv[0]``: the console script and a verb, or a module's file.
    """
    from cli.verbs import verbs

    names = {verb.module.removesuffix(".__main__"): verb.name for verb in verbs().values()}
    program = next((each for each in (PROGRAM, MODULE) if called.startswith(f"{each} ")), None)
    if program is not None:
        text = text.replace(f"{PROGRAM} ", f"{program} ")
        return re.sub(r"python -m ([\w.]+)", lambda m: f"{program} {names[m[1]]}" if m[1] in names else m[0], text)
    modules = {name: module for module, name in names.items()}
    known = "|".join(sorted(map(re.escape, modules), key=len, reverse=True))
    return re.sub(rf"{PROGRAM} ({known})\b", lambda m: f"python -m {modules[m[1]]}", text)
