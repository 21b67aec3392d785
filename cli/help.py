"""The text of ``--help``, read from the YAML files' own comments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from textwrap import wrap
from typing import Any

from cli.columns import two_columns, width
from cli.defaults import ELSEWHERE, shown_default
from cli.method_facts import read_facts
from cli.places import ROOT, choices, content_of, file_of, places, read_yaml, with_parents
from cli.quoting import HELP as QUOTING
from cli.recipes import chosen, likely_recipes
from cli.source import SourceError
from tedbench.axis import Axis, format_strength


def first_comment(path: Path) -> str:
    """Return the comment in a YAML file's first line, and what of the lines below it completes its last sentence."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("# @")]
    comment = [line.removeprefix("#").strip() for line in takewhile(lambda line: line.startswith("#"), lines)]
    if not comment or comment[0].endswith((".", "!", "?")):
        return comment[0] if comment else ""
    whole = " ".join(filter(None, comment))
    end = re.compile(r"[.!?](?= [A-Z]|$)").search(whole, len(comment[0]))
    return whole[: end.end()] if end else whole


CHOOSING = """Put a choice before --help for its options: {group}=NAME --help. imagic-bench ls methods (models, datasets, …)
tells more of each. Choices of your own, in a folder my, are found with 'hydra.searchpath=[file://my]'."""
SEVERAL = "A group of another folder is added with +: +experiment=NAME. Several runs: -m method=a,b."

_OPTION = re.compile(r"^(?P<indent> *)(?P<key>[\w]+):(?P<value>[^#]*)(?:#\s?(?P<comment>.*))?$")
_MORE = re.compile(r"^\s*#\s?(?P<comment>.*)$")


def options(path: Path, prefix: str = "") -> list[tuple[str, str, str]]:
    """Return (dotted key, default, comment) for every option of a YAML file, read from its own comments."""
    found: list[tuple[str, str, str]] = []
    parents: list[tuple[int, str]] = []
    skipping = False
    for line in path.read_text(encoding="utf-8").splitlines():
        match = _OPTION.match(line)
        if match is None:
            more = _MORE.match(line)
            if more and found and line.startswith("  ") and not skipping:
                key, value, comment = found[-1]
                found[-1] = (key, value, f"{comment} {more['comment']}".strip())
            continue
        indent, key, value = len(match["indent"]), match["key"], match["value"].strip()
        if indent == 0:
            skipping = key in ("defaults", "hydra", "_target_")
        if skipping or key.startswith("_"):
            continue
        parents = [(i, k) for i, k in parents if i < indent]
        dotted = prefix + ".".join([k for _, k in parents] + [key])
        if not value:
            parents.append((indent, key))
        if value or match["comment"]:
            found.append((dotted, value, (match["comment"] or "").strip()))
    return found


def help_text(config_name: str, about: str, examples: str, overrides: Sequence[str] = ()) -> str:
    """Return the text of ``--help``: description, examples, choices, and every option with its default and meaning.

    Options are those of the chosen method, model, dataset and so on; ``method=ddib --help`` has those of DDIB.
    """
    main, within = ROOT / f"{config_name}.yaml", places(overrides)
    shown = {group: name for group, name in chosen(config_name, overrides).items() if "/" not in group}
    if config_name == "run":
        shown = {group: shown.get(group, "") for group in (*shown, "metrics", "experiment")}
    shown = {group: shown.get(group, "") for group in (*shown, *_unchosen(main))}
    lines = [about, "", "Examples:", *(f"  {line}" for line in examples.strip().splitlines())]
    if shown:
        lines += ["", "Choices (GROUP=NAME):", *_choice_lines(shown, config_name, within)]
    rows = options(main)
    for group, name in shown.items():
        rows += choice_options(group, name, within)
    recipes = _recipes(shown["method"], config_name, overrides) if "method" in shown else {}
    for needed, recipe in recipes.items():
        for path in with_parents(f"recipe/{needed}", recipe, within):
            rows += options(path, f"recipe.{needed}.")
    rows = _with_values(rows, shown, recipes, within)
    title = f"Options (KEY=VALUE), with their defaults{_of_which(shown)}:"
    lines += ["", *wrap(title, width(), break_on_hyphens=False)]
    lines += two_columns(((f"{key}={value}", text) for key, value, text in rows), 2)
    if any(value.startswith("(") for _, value, _ in rows):
        lines += ["", ELSEWHERE]
    if shown:
        first = "method" if "method" in shown else next(iter(shown))
        text = f"{CHOOSING.format(group=first)} {SEVERAL if first == 'method' else ''}"
        lines += ["", *wrap(text, width(), break_on_hyphens=False)]
    return "\n".join([*lines, "", QUOTING])


def _unchosen(main: Path) -> list[str]:
    """Return the groups of which a command's YAML chooses none (``metrics: null``)."""
    entries = [entry for entry in read_yaml(main).get("defaults", ()) if isinstance(entry, dict)]
    return [group for entry in entries for group, name in entry.items() if name is None]


def _choice_lines(shown: Mapping[str, str], config_name: str, within: Sequence[Path]) -> Iterator[str]:
    default = chosen(config_name, ())
    for group, name in shown.items():
        now = f" (default {default[group]})" if default.get(group) else ""
        now += f": {name}" if name and name != default.get(group) else ""
        yield f"  {group}{now}"
        known = [(each, file_of(group, each, within)) for each in choices(group, within)]
        yield from two_columns([(each, first_comment(path) if path else "") for each, path in known], 4)


def _of_which(shown: Mapping[str, str]) -> str:
    named = [f"{group}={name}" for group, name in shown.items() if name and group != "executor"]
    return f" for {' '.join(named)}" if named else ""


def choice_options(group: str, name: str, within: Sequence[Path] = (ROOT,)) -> list[tuple[str, str, str]]:
    """Return the options of a choice and its parents; a parent's comment holds where the choice has none."""
    prefix = "" if group == "experiment" else f"{group}."
    rows: dict[str, tuple[str, str, str]] = {}
    for path in with_parents(group, name, within):
        for key, value, text in options(path, prefix):
            rows[key] = (key, value, text or rows.get(key, ("", "", ""))[2])
    return [row for row in rows.values() if row[2]]


Row = tuple[str, str, str]


def _recipes(method: str, config_name: str, overrides: Sequence[str]) -> dict[str, str]:
    """Return the recipes that a method refers to, each with the choice for the chosen model."""
    text = "".join(path.read_text(encoding="utf-8") for path in with_parents("method", method, places(overrides)))
    family = likely_recipes(config_name, overrides).family
    told = dict(override.lstrip("+").partition("=")[::2] for override in overrides)
    return {each: told.get(f"recipe/{each}") or family or "" for each in re.findall(r"\$\{recipe\.(\w+)", text)}


def _with_values(
    rows: Sequence[Row], shown: Mapping[str, str], recipes: Mapping[str, str], within: Sequence[Path]
) -> list[Row]:
    """Return the options with references in their defaults followed, and with the chosen method's axis."""
    tree: dict[str, Any] = {group: content_of(group, name, within) for group, name in shown.items() if name}
    tree["recipe"] = {each: content_of(f"recipe/{each}", name, within) for each, name in recipes.items()}
    told = {"sweep.strengths": _grid(shown["method"], tree["method"])} if tree.get("method") else {}
    return [(key, shown_default(key, value, tree), text + told.get(key, "")) for key, value, text in rows]


def _grid(name: str, settings: Mapping[str, Any]) -> str:
    """Return the axis and grid of a method in brackets; nothing if its strength is fixed or its source does not tell."""
    try:
        axis: Axis = read_facts(settings).axis
    except SourceError:
        return ""
    return "" if axis.fixed or not axis.grid else f" ({name}: {axis.name} {', '.join(map(format_strength, axis.grid))})"
