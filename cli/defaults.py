"""Default values as help shows them: with references to other options followed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_REFERENCE = re.compile(r"\$\{(?:oc\.select:)?(?P<up>\.*)(?P<path>[\w.]+)(?:,(?P<otherwise>[^}]*))?\}")
ELSEWHERE = "A default in brackets stands for the options that begin with that name."
"""Explanation of what stands for a block."""


def shown_default(key: str, value: str, tree: Mapping[str, Any]) -> str:
    """Return an option's default with ``${…}`` replaced by what it refers to: a value, or a block's name in brackets.

    Args:
        key: the option's dotted name.
        value: as the YAML file has it.
        tree: what there is to refer to.
    """
    for _ in range(5):  # a reference to a reference …; one to itself ends as it is
        match = _REFERENCE.fullmatch(value)
        if match is None:
            return value
        parts = [*key.split(".")[: -len(match["up"])], match["path"]] if match["up"] else [match["path"]]
        key = ".".join(parts)
        found = _at(tree, key)
        if isinstance(found, Mapping):
            return f"({key})"
        if found is _ABSENT:
            return match["otherwise"] if match["otherwise"] is not None else f"({key})"
        value = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    return value


_ABSENT = object()


def _at(tree: Mapping[str, Any], key: str) -> Any:
    node: Any = tree
    for part in key.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return _ABSENT
        node = node[part]
    return node
