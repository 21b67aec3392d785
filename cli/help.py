"""The text of ``--help``, read from the YAML files' own comments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cli.places import ROOT, choices, file_of, places, with_parents
from cli.quoting import HELP as QUOTING
from cli.recipes import chosen, likely_recipes


def first_comment(path: Path) -> str:
    """Return the comment in a YAML file's first line."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("# @")]
    return lines[0].removeprefix("#").strip() if lines and lines[0].startswith("#") else ""


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
    lines = [about, "", "Examples:", *(f"  {line}" for line in examples.strip().splitlines())]
    if shown:
        lines += ["", "Choices (GROUP=NAME):", *_choice_lines(shown, config_name, within)]
    rows = options(main)
    for group, name in shown.items():
        rows += choice_options(group, name, within)
    if "method" in shown:
        rows += _recipe_options(shown, config_name, overrides)
    width = max((len(f"{key}={value}") for key, value, _ in rows), default=0)
    title = f"Options (KEY=VALUE), with their defaults{_of_which(shown)}:"
    lines += ["", title, *(f"  {f'{key}={value}':<{min(width, 44)}}  {text}".rstrip() for key, value, text in rows)]
    if shown:
        lines += [
            "",
            "Put a choice before --help for its options: method=NAME --help. imagic-bench ls methods (models, datasets, …)",
            "tells more of each. A group of another folder is added with +: +experiment=NAME. Several runs: -m method=a,b.",
        ]
    return "\n".join([*lines, "", QUOTING])


def _choice_lines(shown: Mapping[str, str], config_name: str, within: Sequence[Path]) -> Iterator[str]:
    default = chosen(config_name, ())
    for group, name in shown.items():
        now = f" (default {default[group]})" if default.get(group) else ""
        now += f": {name}" if name and name != default.get(group) else ""
        yield f"  {group}{now}"
        for each in choices(group, within):
            path = file_of(group, each, within)
            yield f"    {each:<13} {first_comment(path) if path else ''}".rstrip()


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


def _recipe_options(shown: Mapping[str, str], config_name: str, overrides: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return the settings of the chosen method's recipe, with the values of the chosen model's family."""
    within = places(overrides)
    text = "".join(path.read_text(encoding="utf-8") for path in with_parents("method", shown["method"], within))
    family = likely_recipes(config_name, overrides).family
    told = dict(override.lstrip("+").partition("=")[::2] for override in overrides)
    rows: list[tuple[str, str, str]] = []
    for needed in dict.fromkeys(re.findall(r"\$\{recipe\.(\w+)", text)):
        recipe = told.get(f"recipe/{needed}") or family or ""
        for path in with_parents(f"recipe/{needed}", recipe, within):
            rows += options(path, f"recipe.{needed}.")
    return rows
