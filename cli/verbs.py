"""Commands that there are, found by their files: no list is kept, and none is imported to be listed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from cli.places import ROOT, defaults_of, read_yaml
from tedbench.errors import UserError
from tedbench.near import nearest

PACKAGES = ("cli", "eval", "imagic", "tedbench")
"""Packages that commands are looked for in, below them too."""
PACKAGE_ALONE = {"imagic": "edit"}
"""Names of the commands that are run by their package's name alone (``python -m imagic``)."""

_COMMAND = re.compile(r'^@(?:command\("(?P<config>\w+)"|verb\()', re.MULTILINE)
_ABOUT = re.compile(r'"""``(?P<usage>.*?)``: (?P<about>.*?)"""', re.DOTALL)
HEADINGS = ("Make images", "One saved run", "Several saved runs", "User study", "Data, settings and this machine")
"""Groups of commands, in the order of ``--help``."""


class Verb(NamedTuple):
    """A command.

    Attributes:
        name: as typed behind ``imagic-bench``: "run", "study prepare".
        module: that has its ``main``.
        about: one line on it.
        heading: one of :data:`HEADINGS`.
    """

    name: str
    module: str
    about: str
    heading: str


@cache
def verbs() -> dict[str, Verb]:
    """Return every command by its name."""
    return {verb.name: verb for verb in sorted(_found(), key=lambda verb: (HEADINGS.index(verb.heading), verb.name))}


def _found() -> Iterator[Verb]:
    for package in PACKAGES:
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations if spec else None) or ():
            for path in Path(folder).rglob("*.py"):
                text = path.read_text(encoding="utf-8")
                found, about = _COMMAND.search(text), _ABOUT.match(text)
                if found and about:
                    parts = path.relative_to(folder).with_suffix("").parts
                    name = PACKAGE_ALONE[package] if parts == ("__main__",) else " ".join(parts)
                    module = ".".join((package, *parts))
                    yield Verb(name, module, about["about"].rstrip("."), _heading(name, found["config"]))


def _heading(name: str, config_name: str | None) -> str:
    """Return a command's heading, which follows from its first word and from what it needs."""
    if name.startswith("study "):
        return HEADINGS[3]
    content = read_yaml(ROOT / f"{config_name}.yaml") if config_name else {}
    if "model" in dict(defaults_of(content)):
        return HEADINGS[0]
    if content.get("run") == "???":
        return HEADINGS[1]
    return HEADINGS[2] if "runs" in content else HEADINGS[4]


def split(words: list[str]) -> tuple[Verb, list[str]]:
    """Return the command that a command line names, and the rest of the line.

    A name may have spaces or periods: ``study prepare``, ``study.prepare``.

    Raises:
        UserError: there is none of that name, with the nearest one.
    """
    known = verbs()
    first = words[0].replace(".", " ").removeprefix("eval ")
    both = " ".join([first, *words[1:2]])
    if both in known:
        return known[both], words[2:]
    if first in known:
        return known[first], words[1:]
    parts = [name for name in known if name.startswith(f"{first} ")]
    if parts and (len(words) == 1 or words[1].startswith("-")):
        raise UserError(f"{first} is several commands: {', '.join(parts)}.")
    hint = nearest(both, known) or nearest(first, [*known, "--help", "--version"])
    raise UserError(f"There is no command {both if parts else first!r}.{hint} imagic-bench --help lists them.")


def overview(program: str) -> str:
    """Return the list of all commands, one line each, under headings."""
    width = max(map(len, verbs()))
    lines = [
        "Runs methods of text-based image editing on benchmarks, measures them, and makes the paper's figures and user study.",
        "",
        f"  {program} COMMAND [OPTION=VALUE …]      {program} COMMAND --help tells its options",
    ]
    for heading in HEADINGS:
        lines += ["", f"{heading}:"]
        lines += [f"  {v.name:<{width}}  {v.about}" for v in verbs().values() if v.heading == heading]
    return "\n".join(lines)
