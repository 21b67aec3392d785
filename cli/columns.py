"""Columns of help: a name, and beside or below it its text, wrapped at the terminal's width."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from textwrap import wrap

WIDEST = 120
"""Columns where the output is no terminal, or a wider one."""
LONGEST_NAME = 44
"""Length of a name with its text beside it, in a wide terminal."""


def width() -> int:
    """Return the number of columns to write in."""
    return min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns) if sys.stdout.isatty() else WIDEST


def two_columns(rows: Iterable[tuple[str, str]], indent: int) -> list[str]:
    """Return lines of names and texts. All texts begin in one column; that of a longer name begins on the next line.

    Args:
        rows: of name and text.
        indent: columns before the names.
    """
    rows, total = list(rows), width()
    most = min(LONGEST_NAME, total * 2 // 5)
    beside = max((len(name) for name, _ in rows if len(name) <= most), default=0)
    start = indent + beside + 2
    lines: list[str] = []
    for name, text in rows:
        parts = wrap(text, max(20, total - start), break_on_hyphens=False, break_long_words=False)
        first = parts.pop(0) if parts and len(name) <= beside else ""
        lines.append(f"{' ' * indent}{name:<{beside}}  {first}".rstrip())
        lines += [f"{' ' * start}{part}" for part in parts]
    return lines
