"""Tables on the terminal in which no number is ever cut."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Column, Table

WIDE = 1_000_000
"""Width in columns without a terminal: lines are as long as they need to be."""
_WORD = 20  # longest word of a text in a table that is too wide: longer ones are folded


def open_console() -> Console:
    """Return a console on standard output: as wide as the terminal, or unlimited for a file or a pipe."""
    from rich.console import Console

    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=WIDE)


def print_table(console: Console, table: Table) -> None:
    """Print a table whole: if it is too wide, its cells are wrapped, then its columns are split into several tables.

    Each of these begins with the first column. Right-aligned columns are numbers, whose words are never broken; longer
    words of the others are folded.
    """
    for column in table.columns:
        column.overflow = "fold"
    blocks = [list(table.columns)]
    if console.width < WIDE and _extent(console, table, table.columns)[1] > console.width:
        blocks = _blocks(console, table)
    for number, columns in enumerate(blocks):
        part = copy(table)
        part.columns = columns
        part.title = None if number else table.title
        console.print(part)


def _blocks(console: Console, table: Table) -> list[list[Column]]:
    """Split the columns into groups that fit beside the first one, each column with its final width."""
    key, *others = table.columns
    groups = [[key]]
    for column in others:
        if len(groups[-1]) > 1 and _extent(console, table, [*groups[-1], column])[0] > console.width:
            groups.append([key])
        groups[-1].append(column)
    return [_laid_out(console, table, group) for group in groups]


def _extent(console: Console, table: Table, columns: Sequence[Column]) -> tuple[int, int]:
    """Return the minimum and the natural width of a table of these columns, frame included."""
    from rich.measure import Measurement

    part = copy(table)
    part.columns, part.title = list(columns), None
    whole = Measurement.get(console, console.options.update_width(WIDE), part)
    limits = [_limits(console, column) for column in columns]
    frame = whole.maximum - sum(most for _, most in limits)
    return sum(least for least, _ in limits) + frame, whole.maximum


def _limits(console: Console, column: Column) -> tuple[int, int]:
    """Return the widths that a column's longest word and its longest line need."""
    from rich.measure import Measurement

    cells = [cell for cell in (column.header, *column.cells) if cell != ""]
    measured = [Measurement.get(console, console.options.update_width(WIDE), cell) for cell in cells]
    least = max((each.minimum for each in measured), default=0)
    most = max((each.maximum for each in measured), default=0)
    return (least if column.justify == "right" else min(least, _WORD)), most


def _laid_out(console: Console, table: Table, columns: Sequence[Column]) -> list[Column]:
    """Return copies of columns with fixed widths; spare width goes to those that can use it."""
    limits = [_limits(console, column) for column in columns]
    spare = max(0, console.width - _extent(console, table, columns)[0])
    found = [copy(column) for column in columns]
    order = sorted(range(len(columns)), key=lambda place: limits[place][1] - limits[place][0])
    for done, place in enumerate(order):
        least, most = limits[place]
        more = min(most - least, spare // (len(order) - done))
        found[place].width = least + more
        spare -= more
    return found
