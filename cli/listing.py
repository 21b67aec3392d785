"""Choices of the configuration tree as plain records, read from their YAML files."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cli.help import first_comment
from cli.method_facts import facts_of
from cli.places import choices, content_of, file_of, with_parents
from cli.settings import families_with, method_settings, recipes_of

Record = dict[str, Any]
_SOURCE = re.compile(r"arXiv[: ]?(?P<arxiv>\d{4}\.\d{4,5})|(?P<url>https?://[^\s,;)]+|github\.com/[^\s,;)]+)")


def listed(group: str, within: Sequence[Path]) -> list[Record]:
    """Return a record for every choice of a group, with the same keys for each."""
    more: dict[str, Callable[[str, Sequence[Path]], Record]] = {
        "method": _method,
        "model": _model,
        "dataset": _dataset,
        "metrics": _metrics,
    }
    found = []
    for name in choices(group, within):
        path = file_of(group, name, within)
        about = first_comment(path) if path else ""
        record = {"name": name, "about": about, "source": _source(group, name, within), "file": str(path)}
        found.append(record | (more[group](name, within) if group in more else {}))
    return found


def _source(group: str, name: str, within: Sequence[Path]) -> str | None:
    """Return the paper or repository that the first line of a choice's YAML names; otherwise its parent's."""
    for path in reversed(with_parents(group, name, within)):
        if match := _SOURCE.search(first_comment(path)):
            return f"arXiv:{match['arxiv']}" if match["arxiv"] else match["url"].rstrip(".")
    return None


def _method(name: str, within: Sequence[Path]) -> Record:
    """Describe a method as its class does, with the recipe of the first family for which that works.

    A recipe may need a package that is not installed.
    """
    families = families_with(name, within)
    record: Record = {"class": content_of("method", name, within).get("_target_"), "families": families}
    record |= {"recipes": recipes_of(name, within), "takes_model": None}
    record |= {"needs": None, "randomness": None, "axis": None, "cost": None, "problem": None}
    found, tried = None, [*families] if families else [None]
    for family in tried:
        try:
            found = facts_of(method_settings(name, family, within))
            break
        except Exception as error:  # a class of one's own may fail in any way; the others are listed all the same
            record["problem"] = str(error).splitlines()[0] if str(error) else type(error).__name__
    if found is None:
        return record
    record["problem"] = None
    axis = {key: getattr(found.axis, key) for key in ("name", "symbol", "identity", "grid", "least", "most")}
    record |= {
        "takes_model": found.takes_model,
        "needs": list(found.needs),
        "randomness": found.randomness,
        "cost": found.cost,
    }
    return record | {"axis": axis | {"grid": list(found.axis.grid), "fixed": found.axis.fixed}}


def _model(name: str, within: Sequence[Path]) -> Record:
    content = content_of("model", name, within)
    keys = {"class": "_target_", "family": "family", "image_size": "image_size", "path": "path"}
    return {key: content.get(setting) for key, setting in keys.items()}


def _dataset(name: str, within: Sequence[Path]) -> Record:
    content = content_of("dataset", name, within)
    return {"class": content.get("_target_"), "options": sorted(content.keys() - {"_target_", "name"})}


def _metrics(name: str, within: Sequence[Path]) -> Record:
    blocks = content_of("metrics", name, within)
    return {"metrics": {key: block.get("_target_") for key, block in blocks.items() if isinstance(block, dict)}}
