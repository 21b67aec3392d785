"""The table of ``eval.tradeoff`` as a page, and the files beside it."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from eval.present.figures.tradeoff import draw_tradeoff, fidelity_heading
from eval.present.tables import markdown_escape
from eval.present.text import number
from eval.runs.output_folder import make_room
from tedbench.disk import writing
from tedbench.method import format_strength

WRITTEN = re.compile(r"tradeoff\.(md|csv|png|pdf)")


def write_tradeoff(table: pd.DataFrame, out: Path) -> str:
    """Write page, table and figure into ``out``; the files of an earlier call are replaced.

    Args:
        table: of :func:`eval.analysis.tradeoff.tradeoff`.
        out: a folder.

    Returns:
        The page.

    Raises:
        UserError: ``out`` is a file, or cannot be written.
    """
    page = markdown(table)
    make_room(out, WRITTEN)
    with writing(out):
        table.to_csv(out / "tradeoff.csv", index=False)
        (out / "tradeoff.md").write_text(page, encoding="utf-8")
        draw_tradeoff(table, out / "tradeoff")
    return page


def markdown(table: pd.DataFrame) -> str:
    """Return the table in Markdown."""
    lines = [
        "| embedding (steps × rate) | fine-tuning (steps × rate) | guidance | best η | success | any η "
        f"| {markdown_escape(fidelity_heading(table))} there | at η = 0 |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in table.to_dict("records"):
        lines.append(
            f"| {row['embedding']} | {row['finetune']} | {row['guidance']:g} | {format_strength(row['best_eta'])} "
            f"| {row['success']:.0%} | {row['any']:.0%} | {number(row['fidelity_at_best'], '.3f')} "
            f"| {number(row['fidelity_at_0'], '.3f')} |"
        )
    return "\n".join(lines) + "\n"
