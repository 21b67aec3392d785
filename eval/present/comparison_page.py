"""Saved runs side by side: tables, plane and grid, written into one folder."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from eval.analysis.common_pairs import Comparison
from eval.present.differences import difference_grid, difference_notes
from eval.present.tables import Grid
from tedbench.settings import checked

WRITTEN = re.compile(r"comparison\.(md|csv|tex)|differences\.csv|plane\.(png|pdf|csv)|grid-\d{2,}\.png")

ByMethod = Annotated[dict[Any, float], Field(examples=["{sdedit: 0.5}"])]
"""Numbers by method."""


def strengths_of(strengths: Any) -> dict[str, float]:
    """Check the option ``strengths``: numbers by method.

    Raises:
        UserError: it is something else.
    """
    found: dict[Any, float] = checked("strengths", strengths, ByMethod | None) or {}
    return {str(name): number for name, number in found.items()}


def compare_runs(
    runs: Sequence[str] | Mapping[str, str],
    out: Path,
    *,
    strengths: Mapping[str, float] | None = None,
    pairs: Sequence[str] | None = None,
    rows: int = 8,
    tile: int = 160,
) -> None:
    """Compare saved runs, print the table and write everything into ``out``.

    Args:
        runs: folders, or folders by the name of the method.
        out: a folder; the files of an earlier comparison are replaced.
        strengths: methods that are compared at one strength, whatever was chosen.
        pairs: of the grid, ids or their starts; None is all compared ones.
        rows: of the grid on a page.
        tile: side of its images in pixels.

    Raises:
        UserError: the runs cannot be compared.
    """
    from eval.analysis.common_pairs import compare_on_common
    from eval.analysis.comparison import apart, comparison_table, scores_by_metric
    from eval.analysis.cost import cost
    from eval.analysis.differences import differences
    from eval.analysis.methods import open_methods
    from eval.analysis.published import published
    from eval.present.figures.grid import asked_pairs, draw_grid
    from eval.present.figures.plane import axes_of, draw_plane
    from eval.present.tables import comparison_grid, latex, markdown, notes, published_notes
    from eval.runs.output_folder import make_room
    from tedbench.disk import writing

    comparison = compare_on_common(open_methods(runs, strengths or {}))
    shown = asked_pairs(comparison, pairs)
    costs = [cost(method, comparison.pair_ids) for method in comparison.methods]
    scores = scores_by_metric(comparison)
    table, pairwise = comparison_table(comparison, scores, costs), differences(scores, comparison.metrics)
    axes = axes_of(comparison, table)
    make_room(out, WRITTEN)
    more = apart(comparison, table)
    if axes is None:
        more.append("No plane: it needs a metric of alignment and one of fidelity that every run was measured with.")
    else:
        more += draw_plane(comparison, table, *axes, out)
        more += published_notes(published(comparison.methods[0].dataset, axes[0]))
    lines = [*notes(comparison, table, costs, more), *difference_notes(pairwise)]
    pages = draw_grid(comparison, shown, out, rows, tile)
    words = [comparison_grid(comparison, table, costs, _join), difference_grid(pairwise, comparison.metrics, _join)]
    words = [each for each in words if each.rows]
    pictures = [*(["plane.png"] if axes else []), *(page.name for page in pages)]
    with writing(out):
        table.to_csv(out / "comparison.csv", index=False, float_format="%.6f")
        if len(pairwise):
            pairwise.to_csv(out / "differences.csv", index=False, float_format="%.6f")
        (out / "comparison.md").write_text(markdown(comparison, words, lines, pictures), encoding="utf-8")
        (out / "comparison.tex").write_text(latex(comparison, words, lines), encoding="utf-8")
    _print(comparison, words, lines, out)


def _join(*parts: str) -> str:
    return " ".join(filter(None, parts))


def _print(comparison: Comparison, words: Sequence[Grid], lines: Sequence[str], out: Path) -> None:
    """Print tables, notes and the left-out pairs; the last line is the folder."""
    from rich.markup import escape
    from rich.table import Table

    from eval.present.tables import print_left_out
    from runtime.tables import open_console, print_table

    console = open_console()
    console.print(escape(f"{comparison.dataset}: {comparison.coverage} compared"), style="italic", soft_wrap=True)
    for each in words:
        shown = Table()
        for number, word in enumerate(each.head):
            right = number >= len(each.head) - each.numbers
            shown.add_column(escape(word), justify="right" if right else "left")
        for row in each.rows:
            shown.add_row(*map(escape, row))
        print_table(console, shown)
    for line in lines:
        console.print(escape(line), style="dim", soft_wrap=True)
    print_left_out(comparison, console)
    console.print("open comparison.md in")
    print(out, flush=True)
