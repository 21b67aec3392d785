"""Folders of the configuration tree: the project's own, and those that a command line adds with ``hydra.searchpath``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(str(files("conf")))
"""The folder of the project's configuration tree."""

SEARCHPATH = "hydra.searchpath"
"""Option that adds folders to the tree."""


def places(overrides: Sequence[str] = ()) -> tuple[Path, ...]:
    """Return the folders in which choices are looked for, in Hydra's order: the project's first.

    Args:
        overrides: of a command line; its ``hydra.searchpath`` adds folders (``file://``, ``pkg://`` or a path).
    """
    added: list[Path] = []
    for override in overrides:
        key, _, value = override.lstrip("+").partition("=")
        if key == SEARCHPATH:
            entries = [entry.strip(" '\"") for entry in value.strip().removeprefix("[").removesuffix("]").split(",")]
            added += [folder for entry in entries if entry and (folder := _folder(entry)) is not None]
    return ROOT, *added


def _folder(entry: str) -> Path | None:
    scheme, there, rest = entry.partition("://")
    if not there:
        return Path(entry)
    if scheme == "file":
        return Path(rest)
    try:
        spec = find_spec(rest.replace("/", "."))
    except ImportError:
        return None
    found = spec.submodule_search_locations if spec is not None else None
    return Path(next(iter(found))) if found else None


def choices(group: str, within: Sequence[Path] = (ROOT,)) -> list[str]:
    """Return the names of the choices in a group, such as ``method`` or ``recipe/imagic``."""
    return sorted({path.stem for folder in within for path in (folder / group).glob("*.yaml")})


def groups(within: Sequence[Path] = (ROOT,)) -> list[str]:
    """Return the names of the groups."""
    found = {path.name for folder in within if folder.is_dir() for path in folder.iterdir() if path.is_dir()}
    return sorted(name for name in found if not name.startswith(("_", ".")))


def is_group(group: str, within: Sequence[Path] = (ROOT,)) -> bool:
    """Return True if there is a folder of that name, such as ``method`` or ``recipe/imagic``."""
    return bool(group) and any((folder / group).is_dir() for folder in within)


def file_of(group: str, name: str, within: Sequence[Path] = (ROOT,)) -> Path | None:
    """Return the YAML file of a choice; None if there is none."""
    if not name:
        return None
    return next((path for folder in within if (path := folder / group / f"{name}.yaml").is_file()), None)


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the content of a YAML file without resolving anything; empty if it is no mapping."""
    import yaml

    try:
        found = yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def defaults_of(content: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (group, choice) of a YAML's defaults; a parent within the same group has the group ""."""
    for entry in content.get("defaults") or ():
        if isinstance(entry, str):
            if entry != "_self_":
                yield "", entry
        elif isinstance(entry, dict):
            for key, name in entry.items():
                group = str(key).split("@")[0].split()[-1].lstrip("/")
                if isinstance(name, str):
                    yield group, name


def with_parents(group: str, name: str, within: Sequence[Path] = (ROOT,)) -> list[Path]:
    """Return the file of a choice and those of its parents (``defaults: [imagic]``), the parents first."""
    path = file_of(group, name, within)
    if path is None:
        return []
    parents = [parent for key, parent in defaults_of(read_yaml(path)) if key in ("", group) and parent != name]
    return [each for parent in parents for each in with_parents(group, parent, within)] + [path]


def content_of(group: str, name: str, within: Sequence[Path] = (ROOT,)) -> dict[str, Any]:
    """Return a choice's settings with those of its parents; blocks are merged, defaults left out."""
    merged: dict[str, Any] = {}
    for path in with_parents(group, name, within):
        merged = _merged(merged, read_yaml(path))
    return {key: value for key, value in merged.items() if key != "defaults"}


def _merged(base: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    found = dict(base)
    for key, value in other.items():
        both = isinstance(value, dict) and isinstance(found.get(key), dict)
        found[key] = _merged(found[key], value) if both else value
    return found
