"""Command lines of the docs are ones that the commands take; links of the docs lead somewhere; the README is short."""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path

import pytest

from cli.command import compose, resolved
from cli.ls import GROUPS
from cli.quoting import first_of_sweep, quote
from cli.verbs import split, verbs
from tedbench.errors import UserError

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "picturebook/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
TESTED_ELSEWHERE = "extending.md"  # with the files that its lines need: test_extending.py
SHORT = (ROOT / "README.md", ROOT / "docs" / "commands.md")

PROGRAM = r"(?:python -m |imagic-bench |make )"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCK_LINE = re.compile(rf"^ {{4}}({PROGRAM}\S.*)$", re.MULTILINE)
SPAN = re.compile(rf"`({PROGRAM}[^`]+)`")
OPTIONS = re.compile(r"^### Options of `([\w.]+)`.*\n((?:(?!#).*\n?)*)", re.MULTILINE)
FIRST_CELL = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)
TARGET = re.compile(r"^([\w-]+):", re.MULTILINE)
COMMAND = re.compile(r'^@command\("(\w+)"', re.MULTILINE)
LINK = re.compile(r"(?:\]\(|src=\")([^)\"\s]+)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def lines_of(text: str) -> list[str]:
    """Return the command lines of a page: of its blocks and code spans, and of tables of a command's options."""
    text = text.replace("\\\n", "")
    plain = FENCE.sub("", text)
    found = [
        line for language, block in FENCE.findall(text) if language in ("", "bash", "sh") for line in block.splitlines()
    ]
    found = [line for line in found if re.match(PROGRAM, line)]
    found += BLOCK_LINE.findall(plain) + SPAN.findall(plain)
    for module, table in OPTIONS.findall(plain):
        found += [f"python -m {module} {options}" for options in FIRST_CELL.findall(table)]
    return list(dict.fromkeys(line for line in found if "…" not in line))


def check(line: str) -> None:
    """Parse a command line without running it.

    Raises:
        UserError: the command would refuse it.
    """
    program, *words = shlex.split(line, comments=True)
    if program == "make":
        targets = set(TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
        if unknown := [word for word in words if "=" not in word and word not in targets]:
            raise UserError(f"The Makefile has no target {unknown}.")
        return
    if program == "imagic-bench":
        verb, words = split(words)
        module = verb.module
    else:
        _, module, *words = words
    if module == "cli.ls":
        if words[0] not in (*GROUPS, "commands"):
            raise UserError(f"{words[0]} cannot be listed.")
        return
    if (config_name := config_of(module)) is None:
        return
    flags = [word for word in words if word.startswith("-")]
    if unknown := set(flags) - {"-m", "--multirun", "--help"}:
        raise UserError(f"{unknown} are no flags of {module}.")
    if "--help" in flags:
        return
    overrides = [quote(word, bool(flags)) for word in words if not word.startswith("-")]
    for place, override in enumerate(overrides):
        each = values_of(override) if flags else [override]
        for value in each if place == 0 or len(each) > 1 else []:
            rest = [first_of_sweep(other) if flags else other for other in overrides]
            composed(config_name, (*rest[:place], value, *rest[place + 1 :]))
    if not overrides:
        composed(config_name, ())


def values_of(override: str) -> list[str]:
    """Return an override for each value of a sweep."""
    key, _, values = override.partition("=")
    if first_of_sweep(override) == override:
        return [override]
    return [f"{key}={value}" for value in values.split(",")]


@cache
def composed(config_name: str, overrides: tuple[str, ...]) -> None:
    resolved(compose(config_name, list(overrides)))


@cache
def config_of(module: str) -> str | None:
    """Return the name of a command's configuration; None if it is a program without one.

    Raises:
        UserError: there is no such module.
    """
    path = ROOT / Path(*module.split("."))
    path = next((p for p in (path.with_suffix(".py"), path / "__main__.py") if p.exists()), None)
    if path is None:
        raise UserError(f"There is no module {module}.")
    found = COMMAND.search(path.read_text(encoding="utf-8"))
    return found[1] if found else None


def pages(short: bool) -> list:
    chosen = [p for p in PAGES if (p in SHORT) == short and p.name != TESTED_ELSEWHERE]
    return [
        pytest.param(line, id=f"{p.relative_to(ROOT)}: {line}")
        for p in chosen
        for line in lines_of(p.read_text("utf-8"))
    ]


@pytest.mark.filterwarnings("ignore:provider=hydra.searchpath")
@pytest.mark.parametrize("line", pages(short=True))
def test_command_lines_of_the_readme_and_the_commands_page_are_taken(line):
    check(line)


@pytest.mark.slow
@pytest.mark.parametrize("line", pages(short=False))
def test_command_lines_of_the_other_pages_are_taken(line):
    check(line)


@pytest.mark.parametrize(
    "line",
    [
        "python -m eval.run method=imagik",
        "python -m eval.run -m method=imagic,sdedid",
        "python -m eval.run dataset.root=/data",
        "python -m eval.rum method=imagic",
        "python -m eval.run --dry",
        "imagic-bench study prepair",
        "imagic-bench compare runz=[a]",
        "imagic-bench ls methodz",
        "make tests",
    ],
)
def test_a_wrong_command_line_is_told(line):
    with pytest.raises(UserError):
        check(line)


def test_command_lines_are_found():
    page = (
        "`make run` and `imagic-bench run a=1`\n\n    python -m x.y a \\\n        b  # c\n\n```bash\nmake lint\n```\n"
    )
    page += "### Options of `eval.run`: how\n\n| options | what |\n| --- | --- |\n| `a=1 b=2` | `no` |\n"
    assert lines_of(page) == [
        "make lint",
        "python -m x.y a         b  # c",
        "make run",
        "imagic-bench run a=1",
        "python -m eval.run a=1 b=2",
    ]


def test_every_command_has_its_row():
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    rows = {shlex.split(row)[2] for row in FIRST_CELL.findall(page) if row.startswith("python")}
    rows |= {
        split(shlex.split(row)[1:])[0].module for row in FIRST_CELL.findall(page) if row.startswith("imagic-bench")
    }
    assert {verb.module.removesuffix(".__main__") for verb in verbs().values()} <= rows


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8")) <= 6000


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as they are made for a browser."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if link.startswith(("http", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link
