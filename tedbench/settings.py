"""Kinds of settings, and one check for all of them: pydantic's, with an error for the reader of the terminal.

A constructor that a configuration names (``_target_``) gives its parameters these kinds, and :func:`tedbench.build.build`
checks them; other settings go through :func:`checked` or :func:`checked_block`. Nothing is converted but whole numbers
where any number will do: true is no 1, and "3" no 3.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import NoneType, SimpleNamespace, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError, WithJsonSchema

from tedbench.errors import UserError

Count = Annotated[int, Field(ge=1)]
"""A whole number from 1."""

Natural = Annotated[int, Field(ge=0)]
"""A whole number from 0."""

Amount = Annotated[float, Field(ge=0, allow_inf_nan=True)]
"""A number from 0, infinity included."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=True)]
"""A number above 0, infinity included."""

Share = Annotated[float, Field(ge=0, le=1)]
"""A number from 0 to 1."""

OpenShare = Annotated[float, Field(gt=0, lt=1)]
"""A number between 0 and 1, both excluded."""


def _readable(pattern: str) -> str:
    """Return a regular expression that can be read."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(str(error)) from None
    return pattern


Pattern = Annotated[str, AfterValidator(_readable), WithJsonSchema({"type": "string", "format": "regex"})]
"""A regular expression."""

_CONFIG = ConfigDict(strict=True, allow_inf_nan=False)
_SCALARS = (int, float, bool, NoneType)
_WORDS = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "text",
    "null": "null",
    "object": "a block of settings",
}
_LISTS = {
    "string": "texts, such as [a, b]",
    "integer": "whole numbers, such as [0,1]",
    "number": "finite numbers, such as [0,0.5,1]",
}


def whole(least: int, most: int | None = None) -> Any:
    """Return the kind of whole numbers from ``least`` to ``most``."""
    return Annotated[int, Field(ge=least, le=most)]


def number(least: float, most: float | None = None) -> Any:
    """Return the kind of finite numbers from ``least`` to ``most``."""
    return Annotated[float, Field(ge=least, le=most)]


def checked(name: str, value: Any, kind: Any) -> Any:
    """Check a setting.

    Args:
        name: of the setting, for the message, such as "executor.workers".
        value: of the setting.
        kind: an annotation: a kind of this module, ``bool``, ``Literal[...]``, ``list[float]``, ``Count | None``.

    Returns:
        The value; a float where any number will do.

    Raises:
        UserError: the value is of another kind.
    """
    adapter = TypeAdapter(kind, config=_CONFIG)
    try:
        return adapter.validate_python(list(value) if isinstance(value, range) else value)  # pydantic takes no range
    except ValidationError:
        raise UserError(f"{name} is {value!r}. It must be {_words(adapter.json_schema())}.") from None


def checked_block(name: str, settings: Mapping[str, Any], **kinds: Any) -> dict[str, Any]:
    """Check a block of settings.

    Args:
        name: of the block, for messages, such as "recipe.imagic.sampling".
        settings: the block.
        kinds: of every setting there is, as for :func:`checked`.

    Raises:
        UserError: a setting is missing, unknown, or of another kind.
    """
    checked(name, settings, Mapping[str, Any])
    if settings.keys() != kinds.keys():
        raise UserError(f"{name} has {', '.join(settings) or 'no settings'}. It takes {', '.join(kinds)}.")
    return {key: checked(f"{name}.{key}", value, kinds[key]) for key, value in settings.items()}


def kinds_of(target: Callable[..., Any]) -> dict[str, Any]:
    """Return the kinds of a constructor's parameters, of those that are numbers, true or false, or one of a few.

    Parameters that a class method takes as ``**settings`` are the class's own, to which it gives them.

    What else a parameter may be annotated with (texts, paths, blocks) is the constructor's own to check, and so is what
    is imported for type checkers alone.
    """
    owner = getattr(target, "__self__", None)
    if inspect.isclass(owner) and any(p.kind is p.VAR_KEYWORD for p in inspect.signature(target).parameters.values()):
        return {**kinds_of(owner), **_own_kinds(target)}
    return _own_kinds(target)


def _own_kinds(target: Callable[..., Any]) -> dict[str, Any]:
    function = target.__init__ if inspect.isclass(target) else target
    known = getattr(function, "__globals__", {})
    kinds: dict[str, Any] = {}
    for name, hint in getattr(function, "__annotations__", {}).items():
        with suppress(NameError):
            kinds |= get_type_hints(SimpleNamespace(__annotations__={name: hint}), known, include_extras=True)
    return {name: kind for name, kind in kinds.items() if name != "return" and _is_scalar(kind)}


def _is_scalar(kind: Any) -> bool:
    origin = get_origin(kind)
    if origin is Annotated:
        return _is_scalar(kind.__origin__)
    if origin in (Union, UnionType):
        return all(map(_is_scalar, get_args(kind)))
    return origin is Literal or kind in _SCALARS


def _words(schema: Mapping[str, Any]) -> str:
    """Say what a JSON schema allows: "a whole number from 1, or null"."""
    if "anyOf" in schema:
        return ", or ".join(map(_words, schema["anyOf"]))
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    if schema["type"] == "array":
        return f"a list of {_LISTS[schema['items']['type']]}"
    if "additionalProperties" in schema and schema["additionalProperties"] is not True:
        example = f", such as {schema['examples'][0]}" if "examples" in schema else ""
        return f"{_words(schema['additionalProperties'])} by name{example}"
    words = "a regular expression" if schema.get("format") == "regex" else _WORDS[schema["type"]]
    low, high = (schema.get(key) for key in ("minimum", "maximum"))
    if "exclusiveMinimum" in schema:
        least, most = schema["exclusiveMinimum"], schema.get("exclusiveMaximum")
        return f"{words} above {least}" if most is None else f"{words} between {least} and {most}, both excluded"
    return (
        words
        + (f" from {_plain(low)}" if low is not None else "")
        + (f" to {_plain(high)}" if high is not None else "")
    )


def _plain(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"
