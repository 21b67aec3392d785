"""The paper's Figure 9 from saved runs, with its captions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from eval.analysis.common_pairs import Comparison
from eval.analysis.strength_curves import Along

WRITTEN = re.compile(r"curves(-by-category)?\.(png|pdf|csv|md)")


def curves(
    runs: Sequence[str] | Mapping[str, str], out: Path, *, alignment: str | None = None, fidelity: str | None = None
) -> None:
    """Draw the curves of saved runs and print the captions.

    Args:
        runs: folders, or folders by the name of the method.
        out: a folder; the files of an earlier call are replaced.
        alignment, fidelity: names of the metrics to draw; None takes the first that every run has.

    Raises:
        UserError: the runs cannot be drawn together.
    """
    from eval.analysis.common_pairs import compare_on_common
    from eval.analysis.methods import open_whole
    from eval.analysis.strength_curves import along, rows_of
    from eval.present.figures.curves import Panel, draw_curves, write_curves
    from eval.runs.output_folder import make_room
    from tedbench.disk import writing

    comparison = compare_on_common(open_whole(runs))
    found = along(comparison, alignment, fidelity)
    methods = comparison.methods
    make_room(out, WRITTEN)
    one = len(methods) == 1
    title = " · ".join([*([methods[0].name] if one else []), comparison.dataset, _coverage(comparison, found)])
    panels = [Panel("" if one else method.name, method.axis, rows_of(found, method)) for method in methods]
    write_curves(found.table[found.table["category"] == ""], out / "curves.csv")
    draw_curves(panels, found.shown, title, out / "curves", columns=min(3, len(panels)))
    if found.categories:
        panels = [
            Panel(f"{name}, {n} pair{'' if n == 1 else 's'}" if one else f"{name} ({n}) · {m.name}", m.axis, rows)
            for name, n in found.categories.items()
            for m in methods
            if len(rows := rows_of(found, m, name))
        ]
        write_curves(found.table[found.table["category"] != ""], out / "curves-by-category.csv")
        draw_curves(panels, found.shown, title, out / "curves-by-category", columns=3 if one else len(methods))
    with writing(out):
        (out / "curves.md").write_text(_page(comparison, found), encoding="utf-8")
    _print(comparison, found, out)


def _coverage(comparison: Comparison, found: Along) -> str:
    """Return the number of pairs, such as "35 of 36 pairs"."""
    return f"{found.n_pairs} of {comparison.n_expected} pair{'' if comparison.n_expected == 1 else 's'}"


def _captions(comparison: Comparison, found: Along) -> list[str]:
    """Return the captions of the figures, a line each."""
    from eval.analysis.curves import REGION_RULE

    names = "; ".join(f"{kind}: {card.shown}" for kind, card in found.shown.items())
    return [
        f"{comparison.dataset}, {_coverage(comparison, found)}: mean over pairs of each pair's mean over seeds; bands are 95% "
        "intervals, clustered by source image (none where a panel has fewer than two).",
        f"Shaded by the rule “{REGION_RULE}”: each mean lies above its worst value by a third of the way to its best, over "
        "the strengths that are drawn and linearly between them. Where no strength does, nothing is shaded.",
        f"Metrics: {names}.",
        *comparison.notes,
        *found.notes,
    ]


def _page(comparison: Comparison, found: Along) -> str:
    from eval.present.tables import left_out, markdown_escape

    figures = ["curves", *(["curves-by-category"] if found.categories else [])]
    lines = [f"# {markdown_escape(comparison.dataset)}: curves along the strength", ""]
    for name in figures:
        lines += [f"![{name}]({name}.png)", ""]
    lines += [f"- {markdown_escape(line)}" for line in _captions(comparison, found)]
    return "\n".join([*lines, *left_out(comparison)]) + "\n"


def _print(comparison: Comparison, found: Along, out: Path) -> None:
    """Print captions and the left-out pairs; the last line is the folder."""
    from eval.present.tables import print_left_out
    from runtime.tables import open_console

    console = open_console()
    for line in _captions(comparison, found):
        console.print(line, markup=False, soft_wrap=True)
    print_left_out(comparison, console)
    print(out, flush=True)
