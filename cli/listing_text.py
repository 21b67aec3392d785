"""Lists of choices as text that fits a terminal of 80 columns."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from textwrap import wrap
from typing import Any, TextIO

from cli.called import as_called
from tedbench.axis import format_strength

COLUMNS = {
    "methods": ("name", "families", "needs", "axis", "cost", "source"),
    "models": ("name", "family", "image_size", "path"),
    "metrics": ("name", "metrics"),
    "datasets": ("name", "source", "about"),
    "commands": ("name", "about"),
}
"""Keys of the records that are shown; of other groups name and about."""
HEADINGS = {"image_size": "size", "source": "source (arXiv)", "families": "family", "needs": "needs of a pair"}
ALL = "all {}"
ALL_BUT = "all but"
OWN = "{} of its own"
MOST_OWN = 2
"""Number of families of a method's own that are named in its row; more are named below."""
BELOW_METHODS = (
    "A method runs on the families of models that it has recipes for (imagic-bench ls models), or takes no model (none). "
    "An axis has the first and the last strength of a default sweep; imagic-bench run method=NAME --help has all. "
    "Costs are evaluations of the network, of a pair and then of an image: N steps of sampling, n draws of a fit, strength s."
)
WIDEST = 100
WHOLE = "\N{NO-BREAK SPACE}"
"""A space at which a cell is not wrapped; it is printed as a plain one."""
LONGEST_AXIS = 18
"""Length of an axis that is shown with its ends."""
LONG = 30
"""Length of a word that may be broken."""


def table(what: str, records: Sequence[dict[str, Any]], out: TextIO) -> str:
    """Return a table of records whose cells are wrapped, with a line below it on what else there is.

    Where it does not fit, it has fewer columns.

    Args:
        what: is listed, a key of :data:`COLUMNS` or another plural.
        records: see :func:`cli.listing.listed`.
        out: where it is printed; its width is the terminal's, at most :data:`WIDEST`.
    """
    keys = COLUMNS.get(what, ("name", "about"))
    every = _shared([record.get("families") or () for record in records])
    cells = [
        [HEADINGS.get(key, key) for key in keys],
        *(
            [_families(record, every) if key == "families" else _cell(key, record[key]) for key in keys]
            for record in records
        ),
    ]
    width = min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns) if out.isatty() else WIDEST
    while (gap := _gap(cells, width)) is None and len(cells[0]) > 2:
        cells = [row[:-1] for row in cells]  # a narrow terminal has no room for the last column
    gap = gap or 1
    widths = _widths(cells, width, gap)
    lines = [line for row in cells for line in _row(row, widths, gap)]
    if what == "methods":
        lines += [
            "",
            *wrap(
                f"{ALL.format(len(every))}: {', '.join(every)}. {as_called(BELOW_METHODS, sys.argv[0])}",
                width,
                break_on_hyphens=False,
            ),
        ]
        for record in records:
            own = record.get("families") or []
            if len(own) > MOST_OWN and not set(own) & set(every):
                lines += wrap(f"{record['name']}: {', '.join(own)}.", width, break_on_hyphens=False)
    lines += [f"{record['name']}: {record['problem']}" for record in records if record.get("problem")]
    return "\n".join(lines)


def _shared(families: Sequence[Sequence[str]]) -> list[str]:
    """Return the families that methods share with others: those of text-to-image models. Editing pipelines have families of their own."""
    counts = Counter(family for each in families for family in each)
    found = {family for family, _ in counts.most_common(1)}
    while more := {family for each in families if found.intersection(each) for family in each} - found:
        found |= more
    return sorted(found)


def _cell(key: str, value: Any) -> str:
    if key == "axis" and isinstance(value, dict):
        return _axis(value).replace(" ", WHOLE)
    if key == "cost":
        return (value or "–").replace(" ", WHOLE)
    if isinstance(value, dict | list):
        return ", ".join(value) or "–"
    return "–" if value in (None, "") else str(value).removeprefix("arXiv:")


def _families(record: dict[str, Any], every: Sequence[str]) -> str:
    """Return the families of models that a method has recipes for; "any" if it needs none, "none" if it takes no model.

    Those that it lacks are told instead if they are fewer.
    """
    if (known := record["families"]) is not None:
        lacks = [family for family in every if family not in known]
        if len(lacks) == len(every):
            return OWN.format(len(known)) if len(known) > MOST_OWN else ", ".join(known) or "no recipe"
        if lacks and len(lacks) < len(known):
            return f"{ALL_BUT} {', '.join(lacks)}"
        return ", ".join(known) or "no recipe" if lacks else ALL.format(len(every))
    return {True: "any", False: "none", None: "–"}[record["takes_model"]]


def _axis(axis: dict[str, Any]) -> str:
    """Return an axis's name with the ends of its default sweep; a long name stands alone."""
    if axis["fixed"] or not axis["grid"]:
        return str(axis["name"])
    words = [format_strength(strength) for strength in axis["grid"]]
    found = f"{axis['name']} {words[0]} … {words[-1]}"
    return found if len(found) <= LONGEST_AXIS else str(axis["name"])


def _widths(cells: Sequence[Sequence[str]], width: int, gap: int) -> list[int]:
    """Return the columns' widths: as their cells need, the widest made narrower until all fit, down to its words.

    Args:
        cells: rows of texts.
        width: of the whole table.
        gap: number of spaces between two columns.
    """
    columns = list(zip(*cells, strict=True))
    found = [max(map(len, column)) for column in columns]
    least = [min(LONG, max(len(word) for cell in column for word in cell.split(" "))) for column in columns]
    while _extent(found, gap) > width:
        spare = [(size, place) for place, size in enumerate(found) if size > least[place]]
        if not spare:
            break
        found[max(spare)[1]] -= 1
    return found


def _gap(cells: Sequence[Sequence[str]], width: int) -> int | None:
    """Return the number of spaces between columns with which a table fits; None if it does not."""
    return next((gap for gap in (2, 1) if _extent(_widths(cells, width, gap), gap) <= width), None)


def _extent(widths: Sequence[int], gap: int) -> int:
    return sum(widths) + gap * (len(widths) - 1)


def _row(row: Sequence[str], widths: Sequence[int], gap: int) -> list[str]:
    columns = [wrap(cell, width, break_on_hyphens=False) or [""] for cell, width in zip(row, widths, strict=True)]
    height = max(map(len, columns))
    padded = [column + [""] * (height - len(column)) for column in columns]
    return [
        (" " * gap).join(f"{part:<{w}}" for part, w in zip(line, widths, strict=True)).rstrip().replace(WHOLE, " ")
        for line in zip(*padded, strict=True)
    ]
