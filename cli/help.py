"""The text of ``--help``, read from the YAML files' own comments."""

from __future__ import annotations

import re
from pathlib import Path

from cli.places import ROOT, choices
from cli.quoting import HELP as QUOTING


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


def help_text(config_name: str, about: str, examples: str) -> str:
    """Return the text of ``--help``: description, examples, every choice, every option with its default and meaning."""
    main = ROOT / f"{config_name}.yaml"
    groups = re.findall(r"^  - (?:optional )?/?(\w+): (\w+)", main.read_text(encoding="utf-8"), re.MULTILINE)
    lines = [
        about,
        "",
        "Examples:",
        *(f"  {line}" for line in examples.strip().splitlines()),
        "",
        "Choices (GROUP=NAME):",
    ]
    shown = dict(groups) | {g: "" for g in ("metrics", "experiment") if config_name == "run"}
    for group, default in shown.items():
        lines.append(f"  {group}" + (f" (default {default})" if default else ""))
        lines += [f"    {name:<13} {first_comment(ROOT / group / (name + '.yaml'))}" for name in choices(group)]
    lines += ["", "Options (KEY=VALUE), with their defaults:"]
    rows = options(main)
    for group in shown:
        if group != "experiment":
            rows += _group_options(group, shown[group])
    if "model" in shown:
        rows += _recipe_options()
    width = max((len(f"{key}={value}") for key, value, _ in rows), default=0)
    lines += [f"  {f'{key}={value}':<{min(width, 44)}}  {text}".rstrip() for key, value, text in rows]
    lines += [
        "",
        "A group of another folder is added with +: +experiment=NAME. Several runs: -m method=a,b.",
        "",
        QUOTING,
    ]
    return "\n".join(lines)


def _group_options(group: str, default: str) -> list[tuple[str, str, str]]:
    """Return the commented options of a group's default choice, then those that only its other choices have."""
    rows: dict[str, tuple[str, str, str]] = {}
    for name in sorted(choices(group), key=lambda name: name != default):
        for key, value, text in options(ROOT / group / f"{name}.yaml", f"{group}."):
            if text and key not in rows:
                rows[key] = (key, value, text if name == default else f"({group}={name}) {text}")
    return list(rows.values())


def _recipe_options() -> list[tuple[str, str, str]]:
    """Return the settings of the methods' recipes; the values shown are Picturebook's, each model has its own."""
    rows = []
    for path in sorted((ROOT / "recipe").glob("*/picturebook.yaml")):
        rows += options(path, f"recipe.{path.parent.name}.")
    return rows
