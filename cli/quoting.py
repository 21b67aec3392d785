"""Quoting of command line values that Hydra's grammar cannot read: texts and paths."""

from __future__ import annotations

import re
from collections.abc import Collection
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tedbench.errors import UserError

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

HELP = """\
Quoting: a value with spaces or signs needs the shell's quotes once: text="a dog, sitting", 'dataset.root=/data/run (1)'.
Lists need them too: 'sweep.strengths=[0,0.5]'. A text that begins with [ { " or ' needs a second pair within the
first, 'text="[sic] a dog"', and so does a text that looks like a number, true, false or null. After -m, a comma
separates the values of a sweep; a comma within one of them needs a second pair: -m 'text="a dog, sitting",a cat'."""

_NESTED = ("[", "{", '"', "'")
_KEY = re.compile(r"\+{0,2}[\w$./@-]+")


def quote(override: str, several: bool = False, texts: Collection[str] = ()) -> str:
    """Return the override in a form that Hydra can read: ``key=a (b)`` → ``key="a (b)"``; readable ones are unchanged.

    Args:
        override: ``key=value``; anything else is unchanged.
        several: True if commas separate the values of a sweep (``-m``). Otherwise a comma belongs to a text.
        texts: the options that are texts or paths and never lists. In the others, a value with a comma is a text if it
            has a slash, or a space within one of the comma-separated parts.

    Raises:
        UserError: a value that begins like a list, a dictionary or a quoted text, and is none; or one with a comma that
            may be a list or a text.
    """
    key, equals, value = override.partition("=")
    if not equals or not _KEY.fullmatch(key) or not value:
        return override
    found = _parsed(override)
    if found is None:
        values = _split(value) if several else [value]
        mended = f"{key}={','.join(map(_readable, values))}"
        if _parsed(mended) is None:
            raise UserError(
                f"{override!r} cannot be read: its value begins like a list or a quoted text. "
                f"For a text give {_for_the_shell(key, value)}; --help says more under Quoting."
            )
        return mended
    if key in texts and isinstance(found.value(), int | float):
        return f"{key}={in_quotes(value)}"
    if not several and _is_list_of_words(found):
        if "/" in key or key.lstrip("+").partition("@")[0] in _groups():
            raise UserError(f"{override!r} names several. For a run with each of them put -m before: -m {override}.")
        if key in texts or (_is_text(value) and not value.startswith(_NESTED)):
            return f"{key}={in_quotes(value)}"
        raise UserError(
            f"{override!r} has a comma. For a list give {f'{key}=[{value}]'!r}, for a text "
            f"{_for_the_shell(key, value)}, for a run with each of them -m."
        )
    return override


def _readable(value: str) -> str:
    """Quote a value, or the values of a list or dictionary, if Hydra cannot read it."""
    value = value.strip()
    if _parsed(f"key={value}") is not None:
        return value
    if value[0] == "[" and value[-1] == "]":
        return f"[{','.join(map(_readable, _split(value[1:-1])))}]"
    if value[0] == "{" and value[-1] == "}":
        pairs = [each.partition(":") for each in _split(value[1:-1])]
        return f"{{{','.join(f'{name}{colon}{_readable(each)}' for name, colon, each in pairs)}}}"
    return value if value.startswith(_NESTED) else in_quotes(value)


def _split(values: str) -> list[str]:
    """Split at commas, except those within quotes or brackets."""
    brackets = "([{" if values.count("(") == values.count(")") else "[{"
    found, depth, closing = [""], 0, ""
    for place, sign in enumerate(values):
        if closing:
            closing = "" if sign == closing and values[place - 1] != "\\" else closing
        elif sign in "\"'" and not found[-1].strip(" [{:"):
            closing = sign
        elif sign == "," and depth == 0:
            found.append("")
            continue
        else:
            depth += (sign in brackets) - (sign in ")]}"[-len(brackets) :])
        found[-1] += sign
    return found


def in_quotes(text: str) -> str:
    """Return a text in quotes of Hydra's grammar; a ${ without its } is not an interpolation."""
    from hydra.core.override_parser.types import Quote, QuotedString

    text = re.sub(r"\$\{(?![^}]*\})", r"\\${", text)
    return QuotedString(text, Quote.double).with_quotes()


def first_of_sweep(override: str) -> str:
    """Return ``method=a`` for ``method=a,b``; an override without a sweep is unchanged."""
    found = _parsed(override)
    if found is None or not found.is_discrete_sweep() or "glob(" in override:
        return override
    return f"{found.get_key_element()}={next(iter(found.sweep_string_iterator()))}"


def _parsed(override: str) -> Override | None:
    """Return Hydra's parse of an override; None if it cannot be parsed."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        return OverridesParser.create().parse_override(override)
    except HydraException:
        return None


def _is_list_of_words(found: Any) -> bool:
    from hydra.core.override_parser.types import ValueType

    return found.value_type is ValueType.SIMPLE_CHOICE_SWEEP


def _is_text(value: str) -> bool:
    """True if a value with commas is meant as a text or a path, not as a list that lacks its brackets."""
    return re.search(r"[/\\]|[^\W\d_]\S* +[^\s,]|[^\s,] +\S*[^\W\d_]", re.sub(r"\s*,\s*", ",", value)) is not None


def _groups() -> set[str]:
    return {path.name for path in Path(str(files("conf"))).iterdir() if path.is_dir()}


def _for_the_shell(key: str, value: str) -> str:
    import shlex

    return shlex.quote(f"{key}={in_quotes(value)}")
